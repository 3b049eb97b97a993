//! Handing a launch to a keeper: to one that this process starts, or to one that a systemd manager, a
//! service or a task starts for it.

use super::Order;
use crate::error::{During, Error, Result};
use crate::leave::{self, Barred, Bases, Begun, KEEPERS, Leaving, PATIENCE};
use crate::process::spawn_apart;
use outlive_escape::plan::{Route, Via};
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::spawn::{Spawn, Step, Strings};
use outlive_os::{AsDescriptor, Descriptor, Leave, bytes, events, memory, role, socket};
use outlive_record::{Answer, Herald, LAUNCH_LIMIT, Launch, Purpose, Text};
use outlive_systemd::{Manager, Program, Service, start_service};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest answer of a new keeper: it may quote a path.
const ANSWER_LIMIT: usize = 64 << 10;
/// How long a keeper that somebody else has started may take to answer, which takes it milliseconds:
/// its end can't be told, since the manager holds its end of the socket, too.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A keeper that waits for its launch.
pub(super) struct Keeper {
    process: Process,
    connection: Connection,
    /// Where its cgroups are.
    bases: Bases,
    /// Whether it was started so that it leaves a job object.
    left_job: bool,
}

impl Keeper {
    /// Who has inherited it: it is an orphan from its start.
    pub(super) fn parent(&self) -> Option<i32> {
        self.process.line().ok()?.map(|line| line.parent)
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    /// Lets it go without a launch, and waits until it has ended: it has the job's folder ready, and the
    /// next keeper is to make its own.
    pub(super) fn dismiss(self) {
        let Keeper {
            process,
            connection,
            ..
        } = self;
        // In words: somebody else may have forked this process meanwhile, and hold this end open for long.
        // It is no launch, and so it is refused.
        let _ = connection.send(b"-", None);
        drop(connection);
        // One that stays hides the job's id from the next one, which then takes another.
        let _ = process.wait_end(Some(PATIENCE));
    }
}

impl Order {
    fn failed(&self, what: &str) -> String {
        let program = String::from_utf8_lossy(&self.spec.command[0].0);
        format!("failed to {what} for `{program}`")
    }

    /// Hands the launch and the job's environment over: in a packet, or in memory if that is more
    /// than a packet should hold.
    fn send(&self, to: &Connection, launch: &Launch) -> Result<()> {
        let environment = self.environment.iter();
        let bytes = launch.to_bytes(environment.map(|(key, value)| (bytes(key), bytes(value))));
        let sent = match bytes.len() {
            0..=LAUNCH_LIMIT => to.send(&bytes, None),
            _ => memory::holding(&bytes).and_then(|memory| to.send(b"-", Some(memory.as_fd()))),
        };
        match sent {
            // It has ended: what we hear of it then, or don't hear, says more.
            Err(error) if has_ended(&error) => Ok(()),
            other => other.during(|| self.failed("hand over the launch")),
        }
    }

    /// Starts the keeper that most likely is to be started, so that it comes up while this process
    /// looks at the rest of its surroundings, and prepares the job's folder. If it is not needed after
    /// all it hears of no launch, and leaves nothing behind.
    pub(super) fn ahead(&self, begun: &Begun) -> Result<Option<Keeper>> {
        match begun.bases(&self.wish) {
            Some(bases) => Ok(self
                .start_keeper(bases, begun.may_stay(), Leave::Inherit)?
                .ok()),
            None => Ok(None),
        }
    }

    /// The keeper for this route: the one that was started ahead if that will do, or another one.
    pub(super) fn keeper(
        &self,
        route: &Route,
        leaving: &Leaving,
        ahead: Option<Keeper>,
    ) -> Result<Result<Keeper, Barred>> {
        let parent = leaving.parent();
        let exit = leave::job_exit(route, parent.as_deref());
        let fits = |keeper: &Keeper| {
            keeper.bases == route.bases && keeper.left_job != matches!(exit, Leave::Inherit)
        };
        match ahead {
            Some(keeper) if fits(&keeper) => return Ok(Ok(keeper)),
            Some(keeper) => keeper.dismiss(),
            None => {}
        }
        self.start_keeper(route.bases.clone(), leaving.may_stay(), exit)
    }

    /// What the keeper can prepare before it is known on which way the job is started.
    fn herald(&self, bases: &Bases) -> Herald {
        match self.purpose {
            Purpose::Start => Herald::New {
                home: Text(bytes(self.home.as_os_str()).to_vec()),
                id: self.spec.id.clone(),
                own_output: self.spec.output.path.is_none(),
                cgroups: Some(leave::cgroup_folders(bases)),
            },
            Purpose::Restart | Purpose::Adopt => Herald::Known,
        }
    }

    /// Hands the launch to a keeper: its answer.
    pub(super) fn hand(&self, launch: &Launch, keeper: Keeper) -> Result<Answer> {
        if let Err(error) = self.send(&keeper.connection, launch) {
            // It has heard of no launch.
            keeper.dismiss();
            return Err(error);
        }
        self.answer(&keeper.connection)
    }

    /// Starts a keeper, which then waits for its launch; or says what bars its way.
    fn start_keeper(
        &self,
        bases: Bases,
        may_stay: bool,
        exit: Leave<'_>,
    ) -> Result<Result<Keeper, Barred>> {
        let joined = if may_stay { &Bases::new() } else { &bases };
        let cgroups = match leave::cgroups(joined, KEEPERS) {
            Ok(cgroups) => cgroups,
            Err(error) => return Ok(Err(Barred::Cgroup(error))),
        };
        let (ours, keepers) = socket::pair().during(|| self.failed("make a socket"))?;
        // Before there is a keeper, so that it does not have to wait for it.
        ours.send(&self.herald(&bases).to_bytes(), None)
            .during(|| self.failed("announce a job"))?;
        let null = events::null().during(|| self.failed("open the null device"))?;
        let mut descriptors = vec![(null.as_fd(), 0), (null.as_fd(), 1), (null.as_fd(), 2)];
        let slots = self.slots.iter().map(AsDescriptor::as_fd);
        descriptors.extend(std::iter::once(keepers.as_fd()).chain(slots).zip(3..));
        let strings = |parts: &[&[&[u8]]]| {
            let mut strings = Strings::default();
            let pushed = parts.iter().try_for_each(|part| strings.push(part));
            pushed
                .map(|()| strings)
                .during(|| self.failed("name the keeper or the folder"))
        };
        let (key, value) = outlive_keeper::MARK;
        let folder = self.folder.as_deref();
        let keeper = self.steady_keeper()?;
        let spawn = Spawn {
            programs: strings(&[&[bytes(keeper.as_os_str())]])?,
            arguments: strings(&[
                &[outlive_keeper::ROLE.as_bytes()],
                &[self.spec.id.as_str().as_bytes()],
            ])?,
            environment: Some(strings(&[&[key.as_bytes(), b"=", value.as_bytes()]])?),
            // The keeper's folder is where the job starts.
            folder: folder
                .map(|folder| strings(&[&[bytes(folder.as_os_str())]]))
                .transpose()?,
            umask: self.spec.umask,
            new_session: true,
            descriptors,
            cgroups: &cgroups,
            leave: exit,
            ..Spawn::default()
        };
        let error = match spawn_apart(spawn) {
            Ok(process) => {
                // The only copy of the other end is the keeper's: its death is the end of what we
                // read.
                drop(keepers);
                ours.set_peer(&process);
                return Ok(Ok(Keeper {
                    process,
                    connection: ours,
                    bases,
                    left_job: !matches!(exit, Leave::Inherit),
                }));
            }
            Err(error) => error,
        };
        match error.step {
            Step::Cgroup => Ok(Err(Barred::Cgroup(error.cause))),
            Step::Breakaway => Ok(Err(Barred::Breakaway(error.cause))),
            Step::Process if matches!(exit, Leave::Parent(_)) => Ok(Err(Barred::Via(error.cause))),
            Step::Exec => {
                let what = format!("failed to run the keeper `{}`", self.keeper.display());
                Err(Error::io(what, error.cause))
            }
            _ => {
                let program = String::from_utf8_lossy(&self.spec.command[0].0);
                let folder = folder.map(|folder| folder.display().to_string());
                Err(Error::spawn(&program, folder.as_deref(), error))
            }
        }
    }

    /// Has a manager start the keeper: its answer, or why the manager has not started it.
    pub(super) fn delegate(
        &self,
        launch: Launch,
        manager: Manager,
    ) -> Result<Result<Answer, String>> {
        let user = role::user();
        let folder = self.opened_folder()?;
        let (ours, keepers) = socket::pair().during(|| self.failed("make a socket"))?;
        // By our own descriptor: what a path means to the manager may be another's file.
        let program = File::open(&self.keeper)
            .during(|| format!("failed to open the keeper `{}`", self.keeper.display()))?;
        let id = self.spec.id.as_str();
        let service = Service {
            name: &format!(
                "outlive-{id}-{}.{}.service",
                std::process::id(),
                self.delegated
            ),
            description: &format!("outlive job {id}"),
            program: Program::Open(program.as_fd()),
            arguments: &[outlive_keeper::ROLE, id],
            environment: &[outlive_keeper::MARK],
            standard_input: keepers.as_fd(),
        };
        if let Err(failure) = start_service(manager, user, &service, PATIENCE) {
            return Ok(Err(failure.to_string()));
        }
        drop((keepers, program));
        let answer = self.hand_to_another(&ours, &folder, &launch)?;
        Ok(answer.ok_or_else(|| "its keeper says nothing".to_owned()))
    }

    /// Has a service or a task start the keeper: its answer, or what bars that.
    pub(super) fn delegate_by(&self, via: Via, launch: &Launch) -> Result<Result<Answer, Barred>> {
        let folder = self.opened_folder()?;
        let program = self.steady_keeper()?;
        let arguments = [outlive_keeper::ROLE, self.spec.id.as_str()];
        let keeper = match role::start_by(via, &program, &arguments) {
            Ok(keeper) => keeper,
            Err(why) => return Ok(Err(Barred::Via(why))),
        };
        let answer = self.hand_to_another(&keeper, &folder, launch)?;
        let silent = || Barred::Via(std::io::Error::other("its keeper says nothing"));
        Ok(answer.ok_or_else(silent))
    }

    /// Hands the launch, the folder and the slots to a keeper that somebody else has started: its
    /// answer, or nothing if it is not there.
    fn hand_to_another(
        &self,
        keeper: &Connection,
        folder: &Descriptor,
        launch: &Launch,
    ) -> Result<Option<Answer>> {
        // Nothing is handed over before somebody is there: a keeper that comes too late for us finds
        // nothing to start.
        if !self.says_something(keeper)? {
            return Ok(None);
        }
        let hello = keeper.receive(ANSWER_LIMIT);
        hello.during(|| self.failed("hear from the keeper"))?;
        self.send(keeper, launch)?;
        let slots = self.slots.iter().map(AsDescriptor::as_fd);
        for descriptor in std::iter::once(folder.as_fd()).chain(slots) {
            match keeper.send(b"-", Some(descriptor)) {
                // It has refused the launch, and goes at once: what we hear of it says why.
                Err(error) if has_ended(&error) => break,
                sent => sent.during(|| self.failed("hand over the launch"))?,
            }
        }
        match self.says_something(keeper)? {
            true => self.answer(keeper).map(Some),
            false => {
                // It has all that it needs, and may still start the job.
                let what = self.failed("hear from the keeper");
                let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
                let id = &self.spec.id;
                let hint = format!("look whether it runs: outlive show {id}");
                Err(Error::io(what, cause).hint_at(hint))
            }
        }
    }

    /// Where the job starts, for a keeper that does not have this process's folder.
    fn opened_folder(&self) -> Result<Descriptor> {
        let path = self.folder.as_deref().unwrap_or(Path::new("."));
        let folder = role::open_folder(path);
        folder.during(|| format!("failed to change folder to `{}`", path.display()))
    }

    fn steady_keeper(&self) -> Result<PathBuf> {
        let keeper = role::steady_program(&self.keeper, &self.home);
        keeper.during(|| format!("failed to copy the keeper `{}`", self.keeper.display()))
    }

    /// Waits for a word of a keeper that somebody else has started; whether it came in time.
    fn says_something(&self, keeper: &Connection) -> Result<bool> {
        let said = events::wait(&[keeper.as_fd()], Some(ANSWER_TIME));
        let said = said.during(|| self.failed("wait for the keeper"))?;
        Ok(!said.is_empty())
    }

    fn answer(&self, keeper: &Connection) -> Result<Answer> {
        let heard = match keeper.receive(ANSWER_LIMIT) {
            // A socket tells once that not all was read, and before what was said.
            Err(error) if has_ended(&error) => keeper.receive(ANSWER_LIMIT),
            heard => heard,
        };
        let (packet, _) = match heard {
            Err(error) if has_ended(&error) => (Vec::new(), None),
            heard => heard.during(|| self.failed("hear from the keeper"))?,
        };
        if packet.is_empty() {
            let what = self.failed("start the keeper");
            return Err(Error::new(crate::error::Kind::Io, what).hint_at(format!(
                "`{}` ended at once: is it outlive, or a program that calls outlive::init()?",
                self.keeper.display()
            )));
        }
        Answer::parse(&packet).map_err(|why| {
            Error::io(
                self.failed("understand the keeper"),
                std::io::Error::other(why),
            )
        })
    }
}

/// Whether whoever was at the other end has gone: with all that it was sent read, or not.
fn has_ended(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}
