//! From a job that has lost its keeper to one that has another.
//!
//! Whoever is killed on the way has left the job as it was: without a keeper, to be adopted.

use crate::cap::Cap;
use crate::escape::cgroup_paths;
use crate::marks;
use crate::pump::Pump;
use crate::start::{During, Refusal, Started, home_of};
use crate::store::{CONTROL, Claim, LOCK, OUTPUT, RECORD, Seen, Unseen, replace_keeper_line};
use jiff::Timestamp;
use outlive_os::events;
use outlive_os::folder::identity;
use outlive_os::socket::Listener;
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Found, lock, role};
use outlive_record::{Answer, Launch, OutputMode, Place};

/// Adopts the job that runs.
pub(crate) fn adopt(launch: &Launch, place: &Place) -> Result<Started, Refusal> {
    let home = home_of(launch)?;
    let jobs = home.jobs().during("open the folder of all jobs")?;
    let id = &launch.spec.id;
    let folder = jobs.sub(id.as_str()).during("open the job's folder")?;
    let file = folder.edit(LOCK).during("open the job's lock")?;
    // Of several who adopt it the others wait until the first one listens, or has failed.
    let turn = lock::turn(file.as_fd()).during("wait for others who adopt the job")?;
    if !lock::take(file.as_fd()).during("take the job's lock")? {
        return Err(Answer::Running.into());
    }
    let seen = Seen::look(&jobs, id.as_str(), true).map_err(|unseen| match unseen {
        Unseen::Absent => Answer::Ended.into(),
        Unseen::Unreadable(why) => Refusal::launch(why.to_string()),
    })?;
    let running = seen.running_main(place).during("look at the job")?;
    let (Some(main), Some(line)) = (running, seen.main) else {
        return Err(Answer::Ended.into());
    };

    let mut record = seen.record;
    let output = match record.spec.output.path {
        None => Some(folder.append(OUTPUT).during("open the job's output")?),
        Some(_) => None,
    };
    let printed_to = output.as_ref().and_then(|file| identity(file).ok());
    let found = Found::new(marks(id), line, cgroup_paths(&record.cgroups)).printing_to(printed_to);
    let tree = Tree::adopt(found, &main, launch.delegated.is_some());
    let tree = tree.during("be told of the job's processes")?;
    let (ended, tell_ended) = events::ending().during("make a pipe")?;
    let cap = output
        .as_ref()
        .and_then(|file| Cap::new(file, record.spec.output.limit).ok());
    // While its main process runs nobody else gets its name, held or not.
    let name = record.spec.name.as_ref();
    let claim = name.and_then(|name| Claim::take(&home, name, id, place).ok());

    let lines = folder.read(LOCK, 1 << 16).during("read the job's lock")?;
    replace_keeper_line(&file, &lines).during("write the job's lock")?;
    folder
        .remove(CONTROL)
        .during("remove the old control socket")?;
    let listener = Listener::new(&folder, CONTROL).during("make the control socket")?;
    let lost = record.spec.output.mode == OutputMode::Pty;
    record.newest_mut().adopted_at = Some(Timestamp::now());
    record.newest_mut().terminal_lost = lost;
    // On a full disk it is not written down that there is another keeper: the job has one all the
    // same.
    let _ = folder.replace(RECORD, &record.to_bytes());
    drop(turn);
    let _ = role::leave_folder();
    Ok(Started {
        record,
        folder,
        listener,
        main,
        tree,
        ended,
        tell_ended: Some(tell_ended),
        output,
        cap,
        // What passed through the keeper that is gone has ended with it.
        pump: Pump::default(),
        terminal: None,
        stdin: None,
        expected: None,
        _lock: file,
        claim,
    })
}
