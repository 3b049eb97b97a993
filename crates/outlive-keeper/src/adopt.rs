//! From a job that has lost its keeper to one that has another.
//!
//! Whoever is killed on the way has left the job as it was: without a keeper, to be adopted.

use crate::arrive::Arrival;
use crate::cap::Cap;
use crate::escape::cgroup_paths;
use crate::marks;
use crate::on_end::OnEnd;
use crate::pump::Pump;
use crate::ready::Readying;
use crate::shell::Means;
use crate::start::{During, Refusal, Started, home_of};
use crate::store::{
    CONTROL, Claim, LOCK, OUTPUT, RECORD, Seen, Unseen, printed_to, replace_keeper_line,
};
use jiff::Timestamp;
use outlive_os::cgroup::Hold;
use outlive_os::events;
use outlive_os::socket::Listener;
use outlive_os::tree::Tree;
use outlive_os::{AsDescriptor, Found, lock, proc, role};
use outlive_record::{Answer, OutputMode, Place};

/// Adopts the job that runs.
pub(crate) fn adopt(arrival: &Arrival, place: &Place) -> Result<Started, Refusal> {
    let launch = &arrival.launch;
    let home = home_of(&launch.home)?;
    let home_path = home.path().to_owned();
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
    let found = Found::new(marks(id), line, cgroup_paths(&record.cgroups));
    let found = found.printing_to(printed_to(&folder));
    // They bear the id of the keeper that is gone.
    let held = cgroup_paths(&record.cgroups);
    let held = held.iter().flat_map(|path| Hold::take(path)).collect();
    let tree = Tree::adopt(found, &main, launch.delegated.is_some());
    let tree = tree.during("be told of the job's processes")?;
    let (pump, all) = Pump::again(&record.spec.output, &folder, output.as_ref());
    let (ended, tell_ended) = events::ending().during("make a pipe")?;
    let cap = output
        .as_ref()
        .and_then(|file| Cap::new(file).ok())
        .map(|cap| cap.keeping(record.spec.output.limit));
    // While its main process runs nobody else gets its name, held or not.
    let name = record.spec.name.as_ref();
    let claim = name.and_then(|name| Claim::take(&home, name, id, place).ok());

    let lines = folder.read(LOCK, 1 << 16).during("read the job's lock")?;
    replace_keeper_line(&file, &lines).during("write the job's lock")?;
    folder
        .remove(CONTROL)
        .during("remove the old control socket")?;
    let listener = Listener::new(&folder, CONTROL).during("make the control socket")?;
    let means = Means::new(launch, proc::environment(main.pid()), arrival.heritage);
    let on_end = OnEnd::resume(&mut record, means.clone());
    let ready = Readying::resume(&mut record, &folder, means);
    let lost = record.spec.output.mode == OutputMode::Pty;
    let run = record.newest_mut();
    run.adopted_at = Some(Timestamp::now());
    run.terminal_lost = lost;
    if !all {
        run.output_lost = Some("it went through the keeper that was killed".to_owned());
    }
    // On a full disk it is not written down that there is another keeper: the job has one all the
    // same.
    let _ = folder.replace(RECORD, &record.to_bytes());
    drop(turn);
    let _ = role::leave_folder();
    Ok(Started {
        home: home_path,
        record,
        folder,
        listener,
        main,
        tree,
        ended,
        tell_ended: Some(tell_ended),
        output,
        cap,
        pump,
        // What passed through the keeper that is gone has ended with it.
        terminal: None,
        stdin: None,
        ready,
        on_end,
        expected: None,
        // The environment of its first start has gone with the keeper that had it.
        unlimited: Vec::new(),
        again: None,
        _held: held,
        lock: file,
        claim,
    })
}
