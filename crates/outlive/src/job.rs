//! One job.

use crate::attach::write_waiting;
use crate::error::{During, Error, Kind, Result};
use crate::jobs::Jobs;
use crate::launch;
use crate::options::RestartOptions;
use crate::output::{Follow, Output};
use crate::status::{State, Status};
use crate::stop::{self, Stopped};
use crate::waiting::{self, Goal, Waiting};
use outlive_escape::plan::Plan;
use outlive_keeper::store::{self, CONTROL, Home, Seen, Unseen};
use outlive_os::folder::Folder;
use outlive_os::process::Process;
use outlive_os::socket::Connection;
use outlive_os::{AsDescriptor, Borrowed, Descriptor, events, role, socket};
use outlive_record::{Input, JobId, MESSAGE_LIMIT, Record, Reply, Report, Request};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// A handle on a job. Dropping it does nothing to the job.
#[derive(Debug, Clone)]
pub struct Job {
    jobs: Jobs,
    id: String,
    /// What its user calls it.
    label: String,
    /// For one that was started by this very handle.
    plan: Option<Arc<Plan>>,
}

/// The end of the pipe that a job reads its standard input from. What is written waits for the job
/// to read it.
#[derive(Debug)]
pub struct JobStdin(File);

impl Write for JobStdin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_waiting(&mut self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// How long a keeper may take to answer, which takes it microseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a keeper gave for an answer.
pub(crate) struct Heard {
    pub(crate) descriptor: Option<Descriptor>,
    /// The keeper.
    pub(crate) keeper: Process,
}

impl Job {
    pub(crate) fn new(jobs: Jobs, id: String) -> Job {
        Job {
            jobs,
            label: id.clone(),
            id,
            plan: None,
        }
    }

    pub(crate) fn planned(self, plan: Plan) -> Job {
        Job {
            plan: Some(Arc::new(plan)),
            ..self
        }
    }

    /// What was planned for it when it was started, if this handle comes from that: what would
    /// remain that could end it, and what was done about the rest. What is true of it is in
    /// [`Status::report`].
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// The same, called by its name in messages.
    pub(crate) fn called(self, label: &str) -> Job {
        Job {
            label: label.to_owned(),
            ..self
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    pub(crate) fn gone(&self) -> Error {
        Error::new(
            Kind::NoSuchJob,
            format!("failed to find the job `{}`: it was removed", self.label),
        )
    }

    pub(crate) fn home(&self) -> Result<Home> {
        self.jobs.store()?.ok_or_else(|| self.gone())
    }

    pub(crate) fn folder(&self, home: &Home) -> Result<Folder> {
        let folder = home.jobs().and_then(|jobs| jobs.sub(&self.id));
        folder.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => self.gone(),
            _ => Error::io(format!("failed to open the job `{}`", self.label), cause),
        })
    }

    /// What can be seen of it, looking at its lock too.
    pub(crate) fn look(&self) -> Result<Seen> {
        let jobs = self
            .home()?
            .jobs()
            .during(|| "failed to open the jobs".to_owned())?;
        Seen::look(&jobs, &self.id, true).map_err(|unseen| match unseen {
            Unseen::Absent => self.gone(),
            Unseen::Unreadable(why) => {
                let what = format!("failed to read the record of `{}`", self.label);
                Error::new(Kind::Damaged, what).because(io::Error::other(why.to_string()))
            }
        })
    }

    /// The same, if it is ours to touch.
    pub(crate) fn look_here(&self) -> Result<Seen> {
        let seen = self.look()?;
        if self.jobs.is_elsewhere(&seen) {
            let what = format!(
                "failed to touch `{}`: it belongs to another host or container",
                self.label
            );
            return Err(Error::new(Kind::Elsewhere, what).hint_at("do it there"));
        }
        Ok(seen)
    }

    /// How it stands.
    pub fn status(&self) -> Result<Status> {
        let home = self.home()?;
        let jobs = home
            .jobs()
            .during(|| "failed to open the jobs".to_owned())?;
        let look = Seen::look(&jobs, &self.id, true);
        let folder = home.job_path(&self.id);
        Status::of_look(&self.id, &look, self.jobs.here(), &folder).ok_or_else(|| self.gone())
    }

    /// What could have ended its newest run, and how that was left, as its keeper has seen it: waits
    /// for a keeper that has only just started it. None if that was never looked at.
    pub fn report(&self) -> Result<Option<Report>> {
        let status = self.status()?;
        if status.report.is_some() || !status.keeper.alive {
            return Ok(status.report);
        }
        // It answers once it has looked. One that can't answer tells nothing.
        let _ = self.ask(&Request::Ended);
        Ok(self.status()?.report)
    }

    /// Asks its keeper; an error of the kind of [`Error::is_not_running`] if it has none.
    pub(crate) fn ask(&self, request: &Request) -> Result<Heard> {
        let connection = self.connect()?;
        // Before it hears of anything: one that is killed after its answer is known all the same.
        let keeper = connection.peer().map_err(|cause| self.no_keeper(cause))?;
        self.send(&connection, request, None)?;
        let descriptor = self.hear(&connection)?;
        Ok(Heard { descriptor, keeper })
    }

    fn no_keeper(&self, cause: io::Error) -> Error {
        let what = format!("failed to reach the keeper of `{}`", self.label);
        Error::new(Kind::NotRunning, what).because(cause)
    }

    /// Gives its new keeper the terminal that the one before had made.
    pub(crate) fn hand_over(&self, terminal: Borrowed<'_>) -> Result<()> {
        let connection = self.connect()?;
        self.send(&connection, &Request::Terminal, Some(terminal))?;
        match self.hear(&connection) {
            // It has the terminal already, from another one who is attached.
            Err(error) if error.is_unsupported() => Ok(()),
            heard => heard.map(drop),
        }
    }

    /// The first half of [`ask`](Job::ask): the connection has an answer when it is readable.
    pub(crate) fn call(&self, request: &Request) -> Result<Connection> {
        let connection = self.connect()?;
        self.send(&connection, request, None)?;
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection> {
        let no_keeper = |cause| self.no_keeper(cause);
        let folder = self.folder(&self.home()?)?;
        let connection = socket::connect(&folder, CONTROL)
            .or_else(|error| {
                // Who adopts it has the lock a moment before there is a socket.
                store::wait_for_adoption(&folder).map_err(|_| error)?;
                socket::connect(&folder, CONTROL)
            })
            .map_err(no_keeper)?;
        let user = connection.peer_user().map_err(no_keeper)?;
        if user != role::user() {
            return Err(no_keeper(io::Error::other(format!(
                "it is kept by user {user}"
            ))));
        }
        Ok(connection)
    }

    fn send(
        &self,
        connection: &Connection,
        request: &Request,
        descriptor: Option<Borrowed<'_>>,
    ) -> Result<()> {
        let sent = connection.send(&request.to_bytes(), descriptor);
        sent.map_err(|cause| self.no_keeper(cause))
    }

    /// The second half: the descriptor that came with the answer.
    pub(crate) fn hear(&self, connection: &Connection) -> Result<Option<Descriptor>> {
        self.answer(connection).map(|(_, descriptor)| descriptor)
    }

    /// The whole answer, which is no refusal.
    pub(crate) fn answer(&self, connection: &Connection) -> Result<(Reply, Option<Descriptor>)> {
        let no_keeper = |cause| self.no_keeper(cause);
        let answered = events::wait(&[connection.as_fd()], Some(PATIENCE)).map_err(no_keeper)?;
        if answered.is_empty() {
            let what = format!("failed to hear from the keeper of `{}`", self.label);
            let cause = io::Error::from(io::ErrorKind::TimedOut);
            let hint = "is it stopped, or frozen with its cgroup?";
            return Err(Error::new(Kind::Io, what).because(cause).hint_at(hint));
        }
        let (packet, descriptor) = connection.receive(MESSAGE_LIMIT).map_err(no_keeper)?;
        if packet.is_empty() {
            return Err(no_keeper(io::ErrorKind::UnexpectedEof.into()));
        }
        match Reply::parse(&packet) {
            Ok(Reply::Refused(why)) => {
                let what = format!(
                    "failed to have it done by the keeper of `{}`: {why}",
                    self.label
                );
                Err(Error::new(Kind::Unsupported, what))
            }
            Ok(reply) => Ok((reply, descriptor)),
            Err(why) => {
                let what = format!("failed to understand the keeper of `{}`", self.label);
                Err(Error::io(what, io::Error::other(why)))
            }
        }
    }

    /// Waits until it has ended, at most `timeout`; how it stands then, or `None` if it still runs,
    /// unharmed.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<Status>> {
        match waiting::wait_all(std::slice::from_ref(self), timeout)? {
            true => self.status().map(Some),
            false => Ok(None),
        }
    }

    /// Waits until it is ready, or can't become so any more, at most `timeout`; how it stands then, or
    /// `None` if that is not decided yet. A job that was started without
    /// [`JobOptions::ready`](crate::JobOptions::ready) is ready as soon as it runs.
    ///
    /// [`Status::readiness`] tells what was decided: it has a `ready_at`; or it was not ready within
    /// its own time (`timed_out`) and is being stopped, for good; or it can't be told (`unknown`); or the job has
    /// ended before. One that is to [keep going](crate::JobOptions::keep_going) is waited for further, and so is one that is
    /// [started again](crate::JobOptions::restart) after a run that failed.
    ///
    /// ```standalone_crate
    /// use outlive::{Command, JobOptions, Jobs};
    /// use std::time::Duration;
    ///
    /// // Whoever starts jobs and has no `outlive` installed is its own keeper.
    /// outlive::init();
    /// let folder = tempfile::tempdir()?;
    /// let jobs = Jobs::at(folder.path().join("jobs"))?;
    /// let mut options = JobOptions::new();
    /// options.ready("log:^listening on port [0-9]+$".parse()?);
    /// options.ready_timeout(Duration::from_secs(30));
    /// let mut server = Command::new("sh");
    /// server.args(["-c", "echo listening on port 8080; exec sleep 1000"]);
    /// let job = jobs.start(&server, &options)?;
    /// if let Some(status) = job.wait_ready(None)? {
    ///     assert!(status.readiness.ready_at.is_some(), "{:?}", status.notes);
    /// }
    /// job.stop(None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the job was removed, its record can't be read, or its keeper can't be reached.
    pub fn wait_ready(&self, timeout: Option<Duration>) -> Result<Option<Status>> {
        match waiting::wait_any(std::slice::from_ref(self), Goal::Ready, timeout)? {
            Some(_) => self.status().map(Some),
            None => Ok(None),
        }
    }

    /// A wait for its end that an event loop can take part in.
    pub fn waiting(&self) -> Result<Waiting> {
        Waiting::new(self.clone(), Goal::End)
    }

    /// The same as [`wait_ready`](Job::wait_ready), for an event loop.
    pub fn waiting_ready(&self) -> Result<Waiting> {
        Waiting::new(self.clone(), Goal::Ready)
    }

    /// Ends it with all of its processes: they are asked to by its
    /// [stop signal](crate::JobOptions::stop_signal), and what is left after `grace` (its
    /// [own](crate::JobOptions::grace) if none is given) is killed. Returns when nothing is left.
    pub fn stop(&self, grace: Option<Duration>) -> Result<Stopped> {
        stop::stop(self, grace)
    }

    /// Sends a signal, by number, to its main process, or to every process of its tree; 0 only asks
    /// whether it runs, as with kill(2).
    ///
    /// # Errors
    ///
    /// If there is no such signal ([`Error::is_invalid`]), or it has ended
    /// ([`Error::is_not_running`]).
    pub fn kill(&self, signal: i32, tree: bool) -> Result<()> {
        stop::signal(self, signal, tree)
    }

    /// Its standard input, if that was kept open.
    pub fn stdin(&self) -> Result<JobStdin> {
        self.look_here()?;
        let heard = self
            .ask(&Request::Stdin)
            .map_err(|error| self.not_kept(error))?;
        let descriptor = heard.descriptor.ok_or_else(|| {
            Error::new(
                Kind::Io,
                format!("failed to get the standard input of `{}`", self.label),
            )
        })?;
        Ok(JobStdin(descriptor.into()))
    }

    /// Closes its standard input: it reads to the end once all others who write have closed theirs.
    pub fn close_stdin(&self) -> Result<()> {
        self.look_here()?;
        self.ask(&Request::CloseStdin)
            .map(drop)
            .map_err(|error| self.not_kept(error))
    }

    fn not_kept(&self, error: Error) -> Error {
        let what = format!("failed to write to `{}`", self.label);
        let Ok(seen) = self.look() else { return error };
        if seen.record.newest().end.is_some() {
            Error::new(Kind::NotRunning, format!("{what}: it has ended"))
        } else if !error.is_unsupported() {
            error
        } else if seen.record.spec.input == Input::Kept {
            Error::new(
                Kind::Unsupported,
                format!("{what}: its standard input has been closed"),
            )
        } else {
            Error::new(
                Kind::Unsupported,
                format!("{what}: its standard input is not open"),
            )
            .hint_at("start it with `outlive run -i` to write to it")
        }
    }

    /// Its output, from the first byte that is still there.
    pub fn output(&self) -> Result<Output> {
        self.open_output(|_| 0)
    }

    /// Its output since somebody has started it last: of its newest run, and of those before it that
    /// ended and were followed by another one by themselves
    /// ([`JobOptions::restart`](crate::JobOptions::restart)), as far as these are still known.
    pub fn latest_output(&self) -> Result<Output> {
        self.open_output(|status| {
            let restarts = usize::try_from(status.restarts).unwrap_or(usize::MAX);
            let first = status.runs.len().saturating_sub(1).saturating_sub(restarts);
            status.runs.get(first).map_or(0, |run| run.output_start)
        })
    }

    fn open_output(&self, start: impl FnOnce(&Status) -> u64) -> Result<Output> {
        let home = self.home()?;
        let status = self.status()?;
        let own = home.job_path(&self.id).join(store::OUTPUT) == status.output;
        let opened = match own {
            true => self.folder(&home)?.file(store::OUTPUT),
            false => File::open(&status.output),
        };
        let file = opened.during(|| format!("failed to open `{}`", status.output.display()))?;
        let start = start(&status);
        Output::new(file, status.output, own, start, status.output_form)
    }

    /// Goes on reading where `output` stands: each read waits for the job to print more, and the
    /// end is reached when it has ended.
    pub fn follow(&self, output: Output) -> Result<Follow> {
        Follow::new(self.clone(), output)
    }

    /// Starts it again under its id, with the environment of this process and what was set for it
    /// when it was first started. If it runs it is stopped first.
    ///
    /// Descriptors that the program which first started it had given it (kept ones, an output of its
    /// own) it does not have again; one that was given its standard input so can't be restarted.
    ///
    /// The handle that comes back has what was [planned](Job::plan) this time.
    pub fn restart(&self, options: &RestartOptions) -> Result<Job> {
        let seen = self.look_here()?;
        if seen.kept
            || seen
                .running_main(self.jobs.here())
                .is_ok_and(|main| main.is_some())
            || stop::left_behind(self)? > 0
        {
            self.stop(options.grace)?;
        }
        let home = self.home()?;
        let plan = launch::again(home.path(), &seen.record.spec, options)?;
        Ok(Job {
            plan: plan.map(Arc::new),
            ..self.clone()
        })
    }

    /// Removes its record and its output. It must have ended.
    pub fn remove(&self) -> Result<()> {
        let status = self.status()?;
        match status.state {
            State::Running | State::Waiting => {
                let how = match status.state {
                    State::Running => "it runs",
                    _ => "it waits to be started again",
                };
                let what = format!("failed to remove `{}`: {how}", self.label);
                Err(Error::new(Kind::Running, what).hint_at(format!("outlive stop {}", self.label)))
            }
            State::Elsewhere => self.look_here().map(drop),
            State::Damaged => self.remove_ended(),
            _ => {
                // What it left behind may still be being stopped.
                stop::settle(self, status.grace.saturating_add(stop::FORCE))?;
                match stop::left_behind(self)? {
                    0 => self.remove_ended(),
                    left => Err(self.has_left(left)),
                }
            }
        }
    }

    /// Removes its record and its output although it belongs to another container of this host, or
    /// to one that is no more: nobody must keep it.
    pub fn forget(&self) -> Result<()> {
        let seen = self.look()?;
        let place = &seen.record.place;
        let here = self.jobs.here();
        if place.machine != here.machine || place.boot != here.boot {
            return self.remove();
        }
        self.remove_ended()
    }

    fn has_left(&self, processes: usize) -> Error {
        let what = format!(
            "failed to remove `{}`: its keeper was killed, and {processes} of its processes still run",
            self.label
        );
        Error::new(Kind::Running, what).hint_at(format!("outlive stop {}", self.label))
    }

    fn remove_ended(&self) -> Result<()> {
        if self.remove_if_ended(|_| true)? {
            return Ok(());
        }
        let what = format!("failed to remove `{}`: it has a keeper", self.label);
        Err(Error::new(Kind::Running, what).hint_at(format!("outlive stop {}", self.label)))
    }

    /// Removes it if it has no keeper, nothing is left of it, and this is the record that is meant.
    pub(crate) fn remove_if_ended(&self, is_meant: impl FnOnce(&Record) -> bool) -> Result<bool> {
        let id = JobId::parse(&self.id).map_err(|_| self.gone())?;
        let removed = store::remove(&self.home()?, &id, self.jobs.here(), is_meant);
        removed.during(|| format!("failed to remove `{}`", self.label))
    }
}
