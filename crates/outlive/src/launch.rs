//! Handing a job to a new keeper.

mod answer;
mod hand;
mod place;
mod readiness;

use crate::account;
use crate::command::Command;
use crate::environment::Environment;
use crate::error::{During, Error, Kind, Result};
use crate::keeper;
use crate::options::{JobOptions, RestartOptions};
use crate::stdio;
use outlive_escape::plan::{Breakaway, Plan, Wish};
use outlive_os::{AsDescriptor, Descriptor, bytes, os_string, proc};
use outlive_record::{
    Credentials, Input, InputPlan, JobId, JobName, Leave, Output, OutputMode, OutputPlan, Purpose,
    Slot, Spec, Text,
};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a keeper is given, but for the id.
struct Order {
    home: PathBuf,
    keeper: PathBuf,
    spec: Spec,
    purpose: Purpose,
    /// What it becomes, if not what this process is.
    credentials: Option<Credentials>,
    /// How often a manager was asked: a unit may still be there when the next one is.
    delegated: u32,
    /// Whether it is started although it can't be limited as asked.
    unlimited: bool,
    /// The folder it starts in, if not this process's.
    folder: Option<PathBuf>,
    wish: Wish,
    /// The job's, once it is known.
    environment: Environment,
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

/// Starts a new job; its id, and what was planned for it.
pub(crate) fn start(home: &Path, command: &Command, options: &JobOptions) -> Result<(JobId, Plan)> {
    command.check()?;
    if command.arg0.is_some() {
        let what = "failed to start a job under another name than its program's";
        return Err(Error::new(Kind::Invalid, what).hint_at("a restart would not know of it"));
    }
    let on_end = options.life.on_end.as_ref();
    if on_end.is_some_and(|line| line.0.contains(&0)) {
        let what = "failed to have a line run at the job's end: it contains a NUL byte";
        return Err(Error::new(Kind::Invalid, what));
    }
    let name = options.name.as_deref().map(parse_name).transpose()?;
    let here = proc::own_folder().during(|| "failed to tell this folder".to_owned())?;
    let folder = match &command.folder {
        Some(folder) => here.join(folder),
        None if command.reset.cwd => root_folder(),
        None => here,
    };
    let environment = || {
        let mut environment = command.environment();
        account::move_in(&options.account, &mut environment, |name| {
            command.env.contains_key(name)
        })?;
        add_secrets(&mut environment, &options.secret_env)?;
        Ok(environment)
    };
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
        umask: command.own_umask(),
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
            mode: match options.output_form.is_plain() {
                true => options.output_mode,
                false => OutputMode::Pipe,
            },
            form: options.output_form,
            limit: options.output_limit,
        },
        terminal: options.terminal,
        until: options.until,
        leftover: options.leftover,
        life: options.life.clone(),
        leave: Leave {
            breakaway: command.breakaway,
            reset: command.reset,
            sandbox: command.leave_sandbox,
            no_linger: !command.linger,
            via: command.via,
        },
        account: options.account.clone(),
        limits: options.limits,
        ready: readiness::asked(&options.ready, &folder)?,
    };
    let keeper = keeper::find(options.keeper.as_deref())?;
    let mut order = Order::new(home, keeper, spec);
    order.credentials = account::credentials(&options.account)?;
    order.folder = (command.folder.is_some() || command.reset.cwd).then_some(folder);
    order.wish.reset.cwd = order.folder.is_some();
    order.set_input(command, options)?;
    order.set_outputs(command)?;
    for (descriptor, number) in &command.kept {
        let descriptor = descriptor
            .try_clone()
            .during(|| "failed to keep a descriptor".to_owned())?;
        let slot = order.slot(descriptor);
        order.kept.push((slot, *number));
    }
    let placed = loop {
        match order.place(environment) {
            Ok(Some(plan)) => break Ok((order.spec.id, plan)),
            Ok(None) => order.spec.id = new_id(&command.program)?,
            Err(error) => break Err(error),
        }
    };
    placed.inspect_err(|_| unmake(order.made_output))
}

/// Nothing of a run that was not started is left: a file that was made for it is empty.
fn unmake(made_output: Option<PathBuf>) {
    let made = made_output.filter(|file| file.metadata().is_ok_and(|it| it.len() == 0));
    made.map(std::fs::remove_file);
}

/// Starts a job that has ended once more; what was planned for it.
pub(crate) fn again(home: &Path, spec: &Spec, options: &RestartOptions) -> Result<Option<Plan>> {
    let os = |text: &Text| os_string(text.0.clone());
    let environment = || {
        let mut environment = match spec.clean_env {
            true => Environment::default(),
            false => Environment::inherited(),
        };
        account::move_in(&spec.account, &mut environment, |_| false)?;
        let set = spec.env.iter();
        set.for_each(|(name, value)| environment.set(os(name), os(value)));
        let removed = spec.env_removed.iter();
        removed.for_each(|name| environment.remove(&os(name)));
        let secrets: Vec<OsString> = spec.secret_env.iter().map(os).collect();
        add_secrets(&mut environment, &secrets)?;
        Ok(environment)
    };
    if spec.input == Input::Given {
        let what = format!("failed to restart `{}`", spec.id);
        let hint = "its standard input was a descriptor of the program that started it";
        return Err(Error::new(Kind::Unsupported, what).hint_at(hint));
    }
    let keeper = keeper::find(options.keeper.as_deref())?;
    let mut order = Order::new(home, keeper, spec.clone());
    order.purpose = Purpose::Restart;
    order.credentials = account::credentials(&spec.account)?;
    match &spec.input {
        Input::Null | Input::Given => {}
        Input::Kept => order.stdin = InputPlan::Kept,
        Input::File(path) => order.read_from(Path::new(&os(path)))?,
    }
    order.print_to_own_file()?;
    order.folder = Some(os(&spec.cwd).into());
    let placed = order.place(environment);
    placed.inspect_err(|_| unmake(order.made_output))
}

/// Starts a keeper for a job that runs and has none. It leaves what surrounds this process, as far as
/// that can be left: what it is to keep runs already, and is not ended over what remains.
pub(crate) fn adopt(home: &Path, spec: &Spec) -> Result<()> {
    let keeper = keeper::find(None)?;
    let mut order = Order::new(home, keeper, spec.clone());
    order.purpose = Purpose::Adopt;
    // Of a user who is gone the job goes on; what needs to become that one is refused.
    order.credentials = account::credentials(&spec.account).unwrap_or_default();
    if order.wish.breakaway == Breakaway::Require {
        order.wish.breakaway = Breakaway::Prefer;
    }
    match order.place(|| Ok(Environment::default())) {
        Err(error) if !error.is_running() => Err(error),
        // This one, or one that was faster.
        _ => Ok(()),
    }
}

/// The folder that is in nobody's way: the root, on Windows that of this process's drive.
pub(crate) fn root_folder() -> PathBuf {
    PathBuf::from(std::path::MAIN_SEPARATOR_STR)
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

fn add_secrets(environment: &mut Environment, keys: &[OsString]) -> Result<()> {
    for key in keys {
        if environment.get(key).is_some() {
            continue;
        }
        let Some(value) = std::env::var_os(key) else {
            let what = format!("failed to pass on `{}`: it is not set", key.display());
            let hint = "its value is not stored: set it for whoever starts or restarts the job";
            return Err(Error::new(Kind::Invalid, what).hint_at(hint));
        };
        environment.set(key.clone(), value);
    }
    Ok(())
}

impl Order {
    /// A new job that prints to its own file and reads nothing.
    fn new(home: &Path, keeper: PathBuf, spec: Spec) -> Order {
        let leave = spec.leave;
        Order {
            home: home.to_owned(),
            keeper,
            wish: Wish {
                breakaway: leave.breakaway,
                leave_sandbox: leave.sandbox,
                linger: !leave.no_linger,
                via: leave.via,
                reset: leave.reset,
                ..Wish::default()
            },
            spec,
            purpose: Purpose::Start,
            credentials: None,
            delegated: 0,
            unlimited: false,
            folder: None,
            environment: Environment::default(),
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
}
