//! Handing a job to a new keeper.

use crate::command::{self, Command};
use crate::error::{During, Error, Kind, Result};
use crate::keeper;
use crate::options::{JobOptions, RestartOptions};
use crate::process::spawn_apart;
use crate::stdio;
use outlive_keeper::store;
use outlive_os::spawn::{Spawn, Strings};
use outlive_os::{AsDescriptor, Descriptor, bytes, memory, os_string, proc, socket};
use outlive_record::{
    Answer, Input, InputPlan, JobId, JobName, Launch, Leftover, Output, OutputMode, OutputPlan,
    Slot, Spec, Text,
};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The longest answer of a new keeper: it may quote a path.
const ANSWER_LIMIT: usize = 64 << 10;

/// What a keeper is given, but for the id.
struct Order {
    home: PathBuf,
    keeper: PathBuf,
    spec: Spec,
    again: bool,
    keeper_as_child: bool,
    environment: BTreeMap<OsString, OsString>,
    stdin: InputPlan,
    stdout: OutputPlan,
    stderr: OutputPlan,
    output_start: u64,
    made_output: Option<PathBuf>,
    kept: Vec<(Slot, i32)>,
    slots: Vec<Descriptor>,
}

fn text(string: &OsStr) -> Text {
    Text(bytes(string).to_vec())
}

fn path_text(path: &Path) -> Text {
    text(path.as_os_str())
}

/// Starts a new job; its id.
pub(crate) fn start(home: &Path, command: &Command, options: &JobOptions) -> Result<JobId> {
    command.check()?;
    let name = options.name.as_deref().map(parse_name).transpose()?;
    let here = proc::own_folder().during(|| "failed to tell this folder".to_owned())?;
    let folder = match &command.folder {
        Some(folder) => here.join(folder),
        None => here,
    };
    let mut environment = command.environment();
    add_secrets(&mut environment, &options.secret_env)?;
    let set = command
        .env
        .iter()
        .filter(|(key, _)| !options.secret_env.contains(key));
    let (set, removed): (Vec<_>, Vec<_>) = set.partition(|(_, value)| value.is_some());
    let spec = Spec {
        id: new_id(&command.program)?,
        name,
        command: std::iter::once(&command.program)
            .chain(&command.args)
            .map(|it| text(it))
            .collect(),
        cwd: path_text(&folder),
        clean_env: command.env_clear,
        env: set
            .iter()
            .filter_map(|(key, value)| Some((text(key), text(value.as_ref()?))))
            .collect(),
        env_removed: removed.iter().map(|(key, _)| text(key)).collect(),
        secret_env: options.secret_env.iter().map(|key| text(key)).collect(),
        umask: command.umask,
        input: Input::Null,
        output: Output {
            path: options
                .output_file
                .as_ref()
                .map(std::path::absolute)
                .transpose()
                .during(|| "failed to tell this folder".to_owned())?
                .as_deref()
                .map(path_text),
            mode: options.output_mode,
            limit: options.output_limit,
        },
        until: options.until,
        leftover: options.leftover,
    };
    let keeper = keeper::find(options.keeper.as_deref())?;
    let mut order = Order::new(home, keeper, spec, environment);
    order.keeper_as_child = options.keeper_as_child;
    order.set_input(command, options)?;
    order.set_outputs(command)?;
    for (descriptor, number) in &command.kept {
        let descriptor = descriptor
            .try_clone()
            .during(|| "failed to keep a descriptor".to_owned())?;
        let slot = order.slot(descriptor);
        order.kept.push((slot, *number));
    }
    let folder = command.folder.as_ref().map(|_| folder.as_path());
    let placed = loop {
        match order.place(folder, command.umask) {
            Ok(Some(_)) => break Ok(order.spec.id),
            Ok(None) => order.spec.id = new_id(&command.program)?,
            Err(error) => break Err(error),
        }
    };
    placed.inspect_err(|_| {
        // Nothing of a job that was not started is left: a file that was made for it is empty.
        let made = order
            .made_output
            .filter(|file| file.metadata().is_ok_and(|it| it.len() == 0));
        made.map(std::fs::remove_file);
    })
}

/// Starts a job that has ended once more.
pub(crate) fn again(home: &Path, spec: &Spec, options: &RestartOptions) -> Result<()> {
    let os = |text: &Text| os_string(text.0.clone());
    let mut environment: BTreeMap<OsString, OsString> = if spec.clean_env {
        BTreeMap::new()
    } else {
        std::env::vars_os().collect()
    };
    environment.extend(spec.env.iter().map(|(key, value)| (os(key), os(value))));
    spec.env_removed
        .iter()
        .for_each(|key| drop(environment.remove(&os(key))));
    let secrets: Vec<OsString> = spec.secret_env.iter().map(os).collect();
    add_secrets(&mut environment, &secrets)?;
    if spec.input == Input::Given {
        let what = format!("failed to restart `{}`", spec.id);
        let hint = "its standard input was a descriptor of the program that started it";
        return Err(Error::new(Kind::Unsupported, what).hint_at(hint));
    }
    let keeper = keeper::find(options.keeper.as_deref())?;
    let mut order = Order::new(home, keeper, spec.clone(), environment);
    order.again = true;
    match &spec.input {
        Input::Null | Input::Given => {}
        Input::Kept => order.stdin = InputPlan::Kept,
        Input::File(path) => order.read_from(Path::new(&os(path)))?,
    }
    order.print_to_own_file()?;
    let folder = os(&spec.cwd);
    order.place(Some(Path::new(&folder)), spec.umask).map(drop)
}

fn parse_name(name: &str) -> Result<JobName> {
    JobName::parse(name).map_err(|why| {
        let shown: String = name.chars().take(80).collect();
        Error::new(
            Kind::Invalid,
            format!("failed to use {shown:?} as a name: {why}"),
        )
    })
}

fn new_id(program: &OsStr) -> Result<JobId> {
    let random = proc::random().during(|| "failed to make an id".to_owned())?;
    let program = Path::new(program).file_name().unwrap_or_default();
    Ok(JobId::new(bytes(program), random))
}

fn add_secrets(environment: &mut BTreeMap<OsString, OsString>, keys: &[OsString]) -> Result<()> {
    for key in keys {
        if environment.contains_key(key) {
            continue;
        }
        let Some(value) = std::env::var_os(key) else {
            let what = format!("failed to pass on `{}`: it is not set", key.display());
            let hint = "its value is not stored: set it for whoever starts or restarts the job";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        };
        environment.insert(key.clone(), value);
    }
    Ok(())
}

impl Order {
    /// A new job that prints to its own file and reads nothing.
    fn new(
        home: &Path,
        keeper: PathBuf,
        spec: Spec,
        environment: BTreeMap<OsString, OsString>,
    ) -> Order {
        Order {
            home: home.to_owned(),
            keeper,
            spec,
            again: false,
            keeper_as_child: false,
            environment,
            stdin: InputPlan::Null,
            stdout: OutputPlan::Job,
            stderr: OutputPlan::Job,
            output_start: 0,
            made_output: None,
            kept: Vec::new(),
            slots: Vec::new(),
        }
    }

    fn slot(&mut self, descriptor: Descriptor) -> Slot {
        self.slots.push(descriptor);
        Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
    }

    fn set_input(&mut self, command: &Command, options: &JobOptions) -> Result<()> {
        if let Some(path) = &options.stdin_file {
            let path =
                std::path::absolute(path).during(|| "failed to tell this folder".to_owned())?;
            self.spec.input = Input::File(path_text(&path));
            return self.read_from(&path);
        }
        let piped = matches!(&command.stdin, Some(stdin) if matches!(stdin.0, stdio::Kind::Piped));
        if options.keep_stdin || piped {
            self.spec.input = Input::Kept;
            self.stdin = InputPlan::Kept;
        } else if let Some(given) = self.given(command.stdin.as_ref(), 0)? {
            self.spec.input = Input::Given;
            self.stdin = InputPlan::Slot(given);
        }
        Ok(())
    }

    fn set_outputs(&mut self, command: &Command) -> Result<()> {
        self.print_to_own_file()?;
        for (stdio, number) in [(&command.stdout, 1), (&command.stderr, 2)] {
            let plan = match stdio.as_ref().map(|stdio| &stdio.0) {
                None => continue,
                Some(stdio::Kind::Null) => OutputPlan::Null,
                Some(stdio::Kind::Piped) => {
                    let what = "failed to give a job a pipe for its output";
                    let hint = "a job's output is in its file: see Job::output and Job::follow";
                    return Err(Error::new(Kind::Invalid, what).hint_at(hint));
                }
                Some(_) => match self.given(stdio.as_ref(), number)? {
                    Some(slot) => OutputPlan::Slot(slot),
                    None => continue,
                },
            };
            if number == 1 {
                self.stdout = plan
            } else {
                self.stderr = plan
            }
        }
        Ok(())
    }

    /// The slot of a descriptor that was given, or of the caller's own.
    fn given(&mut self, stdio: Option<&crate::Stdio>, number: i32) -> Result<Option<Slot>> {
        let descriptor = match stdio.map(|stdio| &stdio.0) {
            Some(stdio::Kind::Given(descriptor)) => descriptor.try_clone(),
            Some(stdio::Kind::Inherit) => match number {
                0 => std::io::stdin().as_fd().try_clone_to_owned(),
                1 => std::io::stdout().as_fd().try_clone_to_owned(),
                _ => std::io::stderr().as_fd().try_clone_to_owned(),
            },
            _ => return Ok(None),
        };
        let descriptor = descriptor.during(|| "failed to pass on a standard stream".to_owned())?;
        Ok(Some(self.slot(descriptor)))
    }

    fn read_from(&mut self, path: &Path) -> Result<()> {
        let file = File::open(path).during(|| format!("failed to open `{}`", path.display()))?;
        self.stdin = InputPlan::Slot(self.slot(file.into()));
        Ok(())
    }

    fn print_to_own_file(&mut self) -> Result<()> {
        let Some(path) = &self.spec.output.path else {
            return Ok(());
        };
        if self.spec.output.mode != OutputMode::File {
            let what = "failed to combine a file of your own with an output mode";
            return Err(Error::new(Kind::Invalid, what));
        }
        let path = PathBuf::from(os_string(path.0.clone()));
        let new = File::options().append(true).create_new(true).open(&path);
        self.made_output = new.is_ok().then(|| path.clone());
        let file = new.or_else(|_| File::options().append(true).create(true).open(&path));
        let file = file.during(|| format!("failed to open `{}`", path.display()))?;
        self.output_start = file.metadata().map_or(0, |it| it.len());
        let slot = self.slot(file.into());
        self.stdout = OutputPlan::Slot(slot);
        self.stderr = OutputPlan::Slot(slot);
        Ok(())
    }

    /// Starts a keeper and waits for its answer: the main process's id, or `None` if the job's id
    /// is taken.
    fn place(&mut self, folder: Option<&Path>, umask: Option<u32>) -> Result<Option<i32>> {
        if self.spec.output.mode == OutputMode::Pty {
            let what = "failed to give the job a terminal of its own: not supported yet";
            return Err(Error::new(Kind::Unsupported, what));
        }
        if self.spec.leftover == Leftover::Leave && self.spec.output.mode == OutputMode::Pipe {
            let what = "failed to combine leaving processes with output through a pipe";
            let hint = "without its keeper they would have nobody to print to";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        }
        let id = self.spec.id.clone();
        let environment = &mut self.environment;
        environment.insert(outlive_keeper::JOB_VARIABLE.into(), id.as_str().into());
        // A job that bore a keeper's mark would be taken for one.
        environment.remove(OsStr::new(outlive_keeper::MARK.0));
        let program = os_string(self.spec.command[0].0.clone());
        let path = environment.get(OsStr::new("PATH"));
        let programs = command::candidates(&program, path.map(|path| &**path));
        let mut launch = Launch::new(
            path_text(&self.home),
            self.again,
            self.spec.clone(),
            programs.into_iter().map(Text).collect(),
        );
        (launch.stdin, launch.stdout, launch.stderr) = (self.stdin, self.stdout, self.stderr);
        launch.output_start = self.output_start;
        launch.kept.clone_from(&self.kept);
        // A NUL can't be passed on, and would end a string early.
        command::argument_strings(self.spec.command.iter().map(|it| it.0.as_slice()))?;
        environment.iter().try_for_each(command::check_value)?;
        let launch = launch.to_bytes(
            environment
                .iter()
                .map(|(key, value)| (bytes(key), bytes(value))),
        );

        let failed = |what: &str| format!("failed to {what} for `{}`", program.display());
        let memory = memory::holding(&launch).during(|| failed("prepare the launch"))?;
        let (ours, keepers) = socket::pair().during(|| failed("make a socket"))?;
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.during(|| failed("open /dev/null"))?;
        let mut descriptors = vec![(null.as_fd(), 0), (null.as_fd(), 1), (null.as_fd(), 2)];
        let handed = [keepers.as_fd(), memory.as_fd()].into_iter();
        descriptors.extend(
            handed
                .chain(self.slots.iter().map(AsDescriptor::as_fd))
                .zip(3..),
        );
        let strings = |parts: &[&[&[u8]]]| {
            let mut strings = Strings::default();
            let pushed = parts.iter().try_for_each(|part| strings.push(part));
            pushed
                .map(|()| strings)
                .during(|| failed("name the keeper or the folder"))
        };
        let (key, value) = outlive_keeper::MARK;
        let spawn = Spawn {
            programs: strings(&[&[bytes(self.keeper.as_os_str())]])?,
            arguments: strings(&[
                &[outlive_keeper::ROLE.as_bytes()],
                &[id.as_str().as_bytes()],
            ])?,
            environment: Some(strings(&[&[key.as_bytes(), b"=", value.as_bytes()]])?),
            // The keeper's folder is where the job starts.
            folder: folder
                .map(|folder| strings(&[&[bytes(folder.as_os_str())]]))
                .transpose()?,
            umask,
            new_session: true,
            descriptors,
            descriptor_limit: None,
            announce: None,
        };
        let keeper = self.keeper.display().to_string();
        let shown = folder.map(|folder| folder.display().to_string());
        let spawned = match self.keeper_as_child {
            true => spawn.spawn(),
            false => spawn_apart(spawn),
        };
        spawned.map_err(|error| match error.step {
            outlive_os::spawn::Step::Exec => {
                Error::io(format!("failed to run the keeper `{keeper}`"), error.cause)
            }
            _ => Error::spawn(&program.to_string_lossy(), shown.as_deref(), error),
        })?;
        // The only copy of the other end is the keeper's: its death is the end of what we read.
        drop(keepers);
        let (packet, _) = ours
            .receive(ANSWER_LIMIT)
            .during(|| failed("hear from the keeper"))?;
        if packet.is_empty() {
            let what = failed("start the keeper");
            return Err(Error::new(Kind::Io, what).hint_at(format!(
                "`{keeper}` ended at once: is it outlive, or a program that calls outlive::init()?"
            )));
        }
        let answer = Answer::parse(&packet).map_err(|why| {
            Error::io(failed("understand the keeper"), std::io::Error::other(why))
        })?;
        self.heed(answer)
    }

    fn heed(&self, answer: Answer) -> Result<Option<i32>> {
        let spec = &self.spec;
        match answer {
            Answer::Started { pid } => Ok(Some(pid)),
            Answer::IdTaken => Ok(None),
            Answer::NameTaken { by } => {
                let name = spec.name.as_ref().map(JobName::as_str).unwrap_or_default();
                let by = by.unwrap_or_else(|| name.to_owned());
                let what =
                    format!("failed to use the name `{name}`: the running job `{by}` has it");
                let hint = format!("outlive stop {by}, or choose another name");
                Err(Error::new(Kind::NameInUse, what).hint_at(hint))
            }
            Answer::Running => {
                let what = format!("failed to start `{}`: it runs already", spec.id);
                Err(Error::new(Kind::Running, what))
            }
            Answer::NotExecuted { errno } => {
                let program = os_string(spec.command[0].0.clone());
                let cause = std::io::Error::from_raw_os_error(errno);
                Err(Error::exec(&program.to_string_lossy(), cause))
            }
            Answer::Failed {
                what,
                cause,
                errno,
                hint,
            } => {
                let cause = match errno {
                    Some(errno) => std::io::Error::from_raw_os_error(errno),
                    None => std::io::Error::other(cause),
                };
                let hint = hint.or_else(|| store::hint(cause.kind()));
                Err(Error::io(what, cause).hint_if_known(hint))
            }
        }
    }
}
