//! The state folder.
//!
//! ```text
//! HOME/                     0700, this user's
//!   jobs/<id>/
//!     record                all that is known, replaced whole by the keeper (outlive_record::Record)
//!     lock                  locked by the keeper for life; two lines of /proc/PID/stat, the
//!                           keeper's and the main process's, each written by that process itself
//!     output                what the job prints
//!     control               the socket on which the keeper listens while it lives
//!     notify                the socket on which it hears what the job says of itself
//!     stdout, stderr        the pipes that the job prints to, where its keeper passes that on
//!   jobs/.new-<id>/         a job that is being started
//!   jobs/.gone-<id>/        a job that is being removed
//!   names/<name>            locked while a job of this name runs; holds the newest one's id
//!   expire/<second>.<id>    when a job that has ended is to be removed
//! ```

pub(crate) use crate::lock_file::{forget_main_line, replace_keeper_line, write_keeper_line};
pub use crate::lock_file::{lock_lines, wait_for_adoption};

use crate::escape::remove as remove_cgroups;
use crate::left::left_behind;
use crate::lock_file;
use outlive_os::folder::{Folder, Unfit, identity, is_same};
use outlive_os::{AsDescriptor, KERNEL, Kernel, lock};
use outlive_record::{JobId, JobName, Place, ProcessLine, RECORD_LIMIT, Record, Unreadable};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

/// The record's file.
pub const RECORD: &str = "record";
/// The lock's file.
pub const LOCK: &str = "lock";
/// The output's file.
pub const OUTPUT: &str = "output";
/// The control socket.
pub const CONTROL: &str = "control";
/// The socket on which the keeper hears what the job says of itself.
pub(crate) const NOTIFY: &str = "notify";
/// The pipes that the job prints to, where its keeper passes that on.
pub const STDOUT: &str = "stdout";
/// The second of them, for its standard error alone.
pub const STDERR: &str = "stderr";
/// What the folders of jobs that are being started begin with.
pub const NEW: &str = outlive_os::folder::HIDDEN;
/// What the folders of jobs that are being removed begin with.
const GONE: &str = outlive_os::folder::REMOVED;

/// A state folder.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    root: Folder,
}

/// Why a folder can't be the state folder, and what to do about it.
#[derive(Debug)]
pub struct NoHome {
    /// What is the matter.
    pub cause: io::Error,
    /// What to do, if that is known.
    pub hint: Option<String>,
}

/// What to do about an error in the state folder, if that is known.
pub fn hint(cause: io::ErrorKind) -> Option<String> {
    let hint = match cause {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "set OUTLIVE_HOME to a folder that you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or set OUTLIVE_HOME to a folder elsewhere"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// How a person closes a folder to others.
fn close(path: &Path) -> String {
    let path = path.display();
    match KERNEL {
        Kernel::Windows => {
            format!("icacls \"{path}\" /inheritance:r /grant:r %USERNAME%:(OI)(CI)F")
        }
        Kernel::Linux | Kernel::Darwin => format!("chmod 700 {path}"),
    }
}

impl From<io::Error> for NoHome {
    fn from(cause: io::Error) -> NoHome {
        NoHome {
            hint: hint(cause.kind()),
            cause,
        }
    }
}

impl Home {
    /// Opens the state folder; `None` if it is not there yet.
    pub fn open(path: &Path) -> Result<Option<Home>, NoHome> {
        let root = match Folder::open(path) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (cause, hint) = match root.check_private()? {
            None => {
                return Ok(Some(Home {
                    path: path.to_owned(),
                    root,
                }));
            }
            Some(Unfit::OwnedBy(user)) => (
                format!("it belongs to user {user}"),
                "each user has a state folder of their own; set OUTLIVE_HOME (or HOME)".to_owned(),
            ),
            Some(Unfit::SharedWithOthers) => (
                "others may read it, and it has other things in it".to_owned(),
                format!("{}, or choose a folder of its own", close(path)),
            ),
            Some(Unfit::WritableByOthers) => (
                "others may write to it".to_owned(),
                format!("look at what is in it, then {}", close(path)),
            ),
        };
        Err(NoHome {
            cause: io::Error::new(io::ErrorKind::PermissionDenied, cause),
            hint: Some(hint),
        })
    }

    /// Opens the state folder and makes it if need be.
    pub fn make(path: &Path) -> Result<Home, NoHome> {
        if let Some(home) = Home::open(path)? {
            return Ok(home);
        }
        Folder::make(path)?;
        Home::open(path)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn sub(&self, name: &str) -> io::Result<Folder> {
        match self.root.sub(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.root.make_sub(name)?;
                self.root.sub(name)
            }
            other => other,
        }
    }

    /// The folder of all jobs.
    pub fn jobs(&self) -> io::Result<Folder> {
        self.sub("jobs")
    }

    /// The folder of all names.
    pub fn names(&self) -> io::Result<Folder> {
        self.sub("names")
    }

    /// The folder that says when jobs are to be removed.
    pub(crate) fn expiring(&self) -> io::Result<Folder> {
        self.sub("expire")
    }

    /// The same, if it is there.
    pub(crate) fn expiring_if_any(&self) -> io::Result<Option<Folder>> {
        match self.root.sub("expire") {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a job's folder is.
    pub fn job_path(&self, id: &str) -> PathBuf {
        job_path(&self.path, id)
    }
}

/// Where a job's folder is in the state folder that has this path.
pub(crate) fn job_path(home: &Path, id: &str) -> PathBuf {
    home.join("jobs").join(id)
}

/// What can be seen of a job.
#[derive(Debug)]
pub struct Seen {
    /// What is written of it.
    pub record: Record,
    /// Whether its keeper lives.
    pub kept: bool,
    /// The keeper, as it wrote itself down.
    pub keeper: Option<ProcessLine>,
    /// The main process of the newest run, as it wrote itself down.
    pub main: Option<ProcessLine>,
}

/// Why a job can't be seen.
#[derive(Debug)]
pub enum Unseen {
    /// There is none.
    Absent,
    /// There is something, but it can't be read.
    Unreadable(Unreadable),
}

impl Seen {
    /// Looks at a job in the folder of all jobs. One whose end is recorded is looked at no further
    /// unless `closely`: a list of many ended jobs reads one file of each.
    pub fn look(jobs: &Folder, id: &str, closely: bool) -> Result<Seen, Unseen> {
        let record = read_record(jobs, id)?;
        if record.has_ended() && !closely {
            return Ok(Seen {
                record,
                kept: false,
                keeper: None,
                main: None,
            });
        }
        let (kept, (keeper, main)) = match jobs.file(&format!("{id}/{LOCK}")) {
            Ok(file) => lock_file::read(&file),
            Err(_) => (false, (None, None)),
        };
        // The keeper may have written the end and gone after the record was read.
        let stale = !kept && !record.has_ended();
        let record = if stale {
            read_record(jobs, id)?
        } else {
            record
        };
        Ok(Seen {
            record,
            kept,
            keeper,
            main,
        })
    }

    /// The same for who holds its lock now: it is no other keeper that does.
    pub(crate) fn by_its_keeper(self) -> Seen {
        Seen {
            kept: false,
            ..self
        }
    }

    /// Whether it has ended: its newest run has, and nobody is there to start it again.
    pub fn has_ended(&self) -> bool {
        self.record.newest().end.is_some() && !(self.record.is_between_runs() && self.kept)
    }

    /// Its keeper, held, if that lives.
    pub fn living_keeper(&self) -> io::Result<Option<outlive_os::process::Process>> {
        match self.keeper.filter(|_| self.kept) {
            Some(line) => outlive_os::process::Process::open_same(line.pid, line.start_time),
            None => Ok(None),
        }
    }

    /// The main process if it still runs: held, so that it stays the right one. Elsewhere, and
    /// after a boot, what was written down of it means nothing.
    pub fn running_main(&self, here: &Place) -> io::Result<Option<outlive_os::process::Process>> {
        let meant = self.record.place == *here && self.record.newest().end.is_none();
        let Some(main) = self.main.filter(|_| meant) else {
            return Ok(None);
        };
        let Some(process) = outlive_os::process::Process::open_same(main.pid, main.start_time)?
        else {
            return Ok(None);
        };
        let line = process.line()?;
        Ok(line
            .is_some_and(|line| !line.has_ended())
            .then_some(process))
    }
}

fn read_record(jobs: &Folder, id: &str) -> Result<Record, Unseen> {
    let damaged = |what: String| Unseen::Unreadable(Unreadable::Damaged(what));
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut again = false;
    let bytes = loop {
        match jobs.read(&format!("{id}/{RECORD}"), RECORD_LIMIT) {
            Ok(bytes) => break bytes,
            Err(error) if is_missing(&error) && jobs.sub(id).is_err() => {
                return Err(Unseen::Absent);
            }
            // The whole job may have come between the two looks.
            Err(error) if is_missing(&error) && !again => again = true,
            Err(error) if is_missing(&error) => return Err(damaged("it has no record".to_owned())),
            Err(error) => return Err(damaged(format!("its record can't be read: {error}"))),
        }
    };
    let record = Record::parse(&bytes).map_err(Unseen::Unreadable)?;
    if record.spec.id.as_str() != id {
        return Err(damaged(format!("it is the record of `{}`", record.spec.id)));
    }
    Ok(record)
}

/// The device and inode of what a job with this folder prints to: its file, or a pipe while its keeper
/// passes that on.
pub(crate) fn printed_to(folder: &Folder) -> Option<(u64, u64)> {
    let file = folder.file(STDOUT).or_else(|_| folder.file(OUTPUT)).ok()?;
    identity(&file).ok()
}

/// A name that a keeper holds for its job.
#[derive(Debug)]
pub struct Claim {
    names: Folder,
    name: JobName,
    file: File,
    before: Vec<u8>,
}

/// Why a name can't be had.
#[derive(Debug)]
pub enum NotClaimed {
    /// A running job bears it; its id, if that could be read.
    Taken(Option<String>),
    /// Something failed.
    Io(io::Error),
}

impl From<io::Error> for NotClaimed {
    fn from(error: io::Error) -> NotClaimed {
        NotClaimed::Io(error)
    }
}

impl Claim {
    /// Takes a name for the job `id`, unless a running job bears it.
    pub fn take(
        home: &Home,
        name: &JobName,
        id: &JobId,
        place: &Place,
    ) -> Result<Claim, NotClaimed> {
        let names = home.names()?;
        let file = loop {
            let file = names.edit(name.as_str())?;
            if !lock::take(file.as_fd())? {
                let by = names.read(name.as_str(), 64).ok();
                return Err(NotClaimed::Taken(
                    by.and_then(|by| String::from_utf8(by).ok()),
                ));
            }
            // Removed between our opening and our locking: the lock would be nobody's.
            if is_same(&names, name.as_str(), &file)? {
                break file;
            }
        };
        let before = names.read(name.as_str(), 64)?;
        if let Some(by) = String::from_utf8(before.clone())
            .ok()
            .filter(|by| JobId::parse(by).is_ok())
        {
            let seen = Seen::look(&home.jobs()?, &by, false);
            // Its keeper is gone, or it would hold the lock; the job may run on without it.
            let runs = |seen: Seen| seen.running_main(place).is_ok_and(|main| main.is_some());
            if by != id.as_str() && seen.is_ok_and(runs) {
                return Err(NotClaimed::Taken(Some(by)));
            }
        }
        let claim = Claim {
            names,
            name: name.clone(),
            file,
            before,
        };
        if claim.before != id.as_str().as_bytes() {
            claim.write(id.as_str().as_bytes())?;
        }
        Ok(claim)
    }

    fn write(&self, content: &[u8]) -> io::Result<()> {
        rewrite(&self.file, content)
    }

    /// Gives the name back to whom it meant before.
    pub fn undo(self) {
        let undone = match self.before.is_empty() {
            true => self.names.remove(self.name.as_str()),
            false => self.write(&self.before),
        };
        // Nothing better can be done: a name that means no job is found by no one.
        drop(undone);
    }
}

fn is_absence(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(kind, NotFound | NotADirectory | IsADirectory)
}

/// Whether a keeper's socket is in a job's folder, whether or not anybody listens to it: a keeper that
/// goes by itself removes it.
pub(crate) fn has_control(folder: &Folder) -> io::Result<bool> {
    has(folder, CONTROL)
}

/// Whether there is something of this name in a job's folder.
pub(crate) fn has(folder: &Folder, what: &str) -> io::Result<bool> {
    Ok(folder.names()?.iter().any(|name| name == what))
}

/// Removes what a keeper makes in a job's folder for as long as it lives: its sockets, and the names of
/// the pipes that the job prints to.
pub(crate) fn clear_away(folder: &Folder) {
    for name in [CONTROL, NOTIFY, STDOUT, STDERR] {
        // The job's folder goes one day, and they with it.
        let _ = folder.remove(name);
    }
}

/// Removes a job whose keeper is gone, its name if that means it, and its cgroups; false if it has a
/// keeper, if its record is not the one that is meant, or if processes of it are left that its keeper was
/// to end ([`left_behind`]): all of that as it is once nobody can start the job any more.
pub fn remove(
    home: &Home,
    id: &JobId,
    here: &Place,
    is_meant: impl FnOnce(&Record) -> bool,
) -> io::Result<bool> {
    let jobs = home.jobs()?;
    let lock_name = format!("{id}/{LOCK}");
    // Held until it is gone: a restart that comes now finds it locked, then finds nothing.
    let lock = match jobs.edit(&lock_name) {
        Ok(file) => {
            if !lock::take(file.as_fd())? {
                return Ok(false);
            }
            Some(file)
        }
        // A damaged job has no such file perhaps, or something else in its place.
        Err(error) if is_absence(error.kind()) => None,
        Err(error) => return Err(error),
    };
    // What can't be read tells nothing that would be in the way.
    let seen = Seen::look(&jobs, id.as_str(), true)
        .ok()
        .map(Seen::by_its_keeper);
    if let Some(seen) = &seen {
        let left = || left_behind(&jobs.sub(id.as_str())?, seen, here);
        if !is_meant(&seen.record) || left()? > 0 {
            return Ok(false);
        }
    }
    let record = seen.map(|seen| seen.record);
    if let Some(name) = record.as_ref().and_then(|record| record.spec.name.as_ref()) {
        let names = home.names()?;
        if names
            .read(name.as_str(), 64)
            .is_ok_and(|by| by == id.as_str().as_bytes())
        {
            let file = names.edit(name.as_str())?;
            if lock::take(file.as_fd())? && names.read(name.as_str(), 64)? == id.as_str().as_bytes()
            {
                names.remove(name.as_str())?;
            }
        }
    }
    remove_folder(&jobs, id.as_str())?;
    drop(lock);
    if let Some(record) = record {
        remove_cgroups(&record.cgroups);
    }
    Ok(true)
}

/// Removes a job's folder. Out of sight first: nobody sees half of a job.
pub(crate) fn remove_folder(jobs: &Folder, id: &str) -> io::Result<()> {
    let gone = format!("{GONE}{id}");
    match jobs.rename_new(id, &gone) {
        Ok(()) => jobs.remove_sub(&gone),
        Err(_) => jobs.remove_sub(id),
    }
}

/// Whether this is a hidden folder of a job whose start or removal was cut short.
///
/// A removal may be gone on with by anybody at any time, so that what a killed one has left takes up no
/// room. Of a start nobody holds the lock any more, and it was not made just now: between two steps of a
/// launch there are microseconds; an hour leaves room for a clock that jumps. On Windows, where a
/// removal is not told from a start, both take that hour; and where a folder is hidden by a file of that
/// name, that file may have been left alone.
pub fn is_abandoned(jobs: &Folder, name: &str) -> bool {
    if !name.starts_with(NEW) {
        return name.starts_with(GONE);
    }
    let (held, modified) = match jobs.sub(name) {
        Ok(folder) => {
            let lock = folder.file(LOCK);
            let held = lock.is_ok_and(|file| lock::is_held(file.as_fd()).unwrap_or(true));
            (held, folder.modified())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let about = jobs.file(name).and_then(|file| file.metadata());
            (false, about.and_then(|about| about.modified()))
        }
        Err(_) => return false,
    };
    let age = modified.map(|it| it.elapsed().unwrap_or_default());
    !held && age.is_ok_and(|age| age > std::time::Duration::from_secs(3600))
}

/// Gives an open file other content.
pub(crate) fn rewrite(mut file: &File, content: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A removal that was killed in the middle, just now, and a start that may still be going on.
    #[test]
    fn what_is_being_removed_may_be_removed_by_anybody() {
        let path = tempfile::tempdir().expect("a folder can be made");
        let jobs = Folder::open(path.path()).expect("our own folder");
        let gone = format!("{GONE}sh-2222");
        for name in [&*gone, ".new-sh-3333", "sh-4444"] {
            assert!(jobs.make_sub(name).expect("our own folder"), "{name}");
        }
        assert_eq!(is_abandoned(&jobs, &gone), KERNEL != Kernel::Windows);
        assert!(!is_abandoned(&jobs, ".new-sh-3333"));
        assert!(!is_abandoned(&jobs, "sh-4444"));
    }

    /// On Windows such a file hides a folder, and its maker may be killed before it makes the folder.
    #[test]
    fn a_file_in_place_of_a_new_job_is_abandoned_where_one_may_be_left() {
        let path = tempfile::tempdir().expect("a folder can be made");
        let jobs = Folder::open(path.path()).expect("our own folder");
        let file = File::create(path.path().join(".new-x")).expect("our own folder");
        assert!(!is_abandoned(&jobs, ".new-x"));
        assert!(!is_abandoned(&jobs, ".new-missing"));
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        file.set_modified(long_ago).expect("our own file");
        assert_eq!(is_abandoned(&jobs, ".new-x"), KERNEL == Kernel::Windows);
    }
}
