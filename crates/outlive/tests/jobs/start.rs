//! What a job is started with.

use crate::home::{Home, Told, named, output, shell, status, waited};
use crate::support::{alone, own_status, pipe, rest};
use outlive::{Command, JobOptions, State};
use outlive_os::proc;
use std::fs;
use std::os::fd::OwnedFd;

pub(crate) fn a_job_is_what_was_asked_for() {
    let home = Home::new();
    let told = Told::start(&home, "", &named("nightly-🌙"));
    let shown = status(&told.job);
    assert_eq!(shown.id, told.job.id());
    assert!(
        shown.id.starts_with("sh-") && shown.id.len() == 7,
        "{}",
        shown.id
    );
    assert_eq!(shown.name.as_deref(), Some("nightly-🌙"));
    assert_eq!(
        (shown.state, shown.exit_code, shown.signal),
        (State::Running, None, None)
    );
    assert_eq!(shown.command[..2], ["sh", "-c"]);
    assert_eq!(shown.cwd, std::env::current_dir().expect("there is one"));
    assert_eq!(shown.output, home.file(&told.job, "output"));
    assert!(shown.started_at.is_some() && shown.ended_at.is_none());
    assert!(
        !shown.stopped && shown.notes.is_empty(),
        "{:?}",
        shown.notes
    );
    assert!(shown.keeper.alive && shown.keeper.pid != shown.pid);
    assert_eq!(shown.runs.len(), 1);
    assert_eq!(
        (shown.runs[0].pid, shown.runs[0].ended_at),
        (shown.pid, None)
    );
    assert_eq!(Some(shown.runs[0].started_at), shown.started_at);

    let ended = told.end(7);
    assert_eq!(
        (ended.state, ended.exit_code, ended.signal),
        (State::Exited, Some(7), None)
    );
    assert_eq!((ended.pid, ended.started_at), (shown.pid, shown.started_at));
    assert!(ended.ended_at >= ended.started_at);
    assert_eq!(
        (ended.runs[0].exit_code, ended.runs[0].ended_at),
        (Some(7), ended.ended_at)
    );
    assert!(
        !ended.stopped && ended.notes.is_empty(),
        "{:?}",
        ended.notes
    );
}

pub(crate) fn it_has_left_its_starter() {
    let home = Home::new();
    let told = Told::start(&home, "", &JobOptions::new());
    let shown = status(&told.job);
    let line = |pid: Option<i32>| {
        let line = proc::line(pid.expect("it runs")).expect("/proc is mounted");
        line.expect("it runs")
    };
    let (main, keeper) = (line(shown.pid), line(shown.keeper.pid));
    assert_eq!(
        (main.session, main.group, main.terminal),
        (main.pid, main.pid, 0)
    );
    assert_eq!((main.parent, keeper.session), (keeper.pid, keeper.pid));
    assert_ne!(keeper.parent, std::process::id().cast_signed());
    // The keeper keeps no folder busy, and says nothing to anybody.
    let keeper = format!("/proc/{}", keeper.pid);
    assert_eq!(
        fs::read_link(format!("{keeper}/cwd"))
            .expect("it lives")
            .to_str(),
        Some("/")
    );
    for number in 0..3 {
        let open = fs::read_link(format!("{keeper}/fd/{number}")).expect("it lives");
        assert_eq!(open.to_str(), Some("/dev/null"));
    }
    assert_eq!(
        fs::read(format!("{keeper}/environ")).expect("it lives"),
        b"OUTLIVE_KEEPER=1\0"
    );
}

fn variables(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    all.sort();
    all
}

pub(crate) fn its_environment_is_ours_with_its_changes() {
    let home = Home::new();
    let mut command = Command::new("cat");
    command
        .arg("/proc/self/environ")
        .env("OUTLIVE_TEST_A", "a=b\nc")
        .env_remove("HOME");
    let job = home.start(&command, &JobOptions::new());
    waited(&job);
    let ours = std::env::vars().map(|(key, value)| format!("{key}={value}"));
    let ours = ours.filter(|it| !it.starts_with("HOME=") && !it.starts_with("OUTLIVE_JOB="));
    let mut expected: Vec<String> = ours.collect();
    expected.extend([
        "OUTLIVE_TEST_A=a=b\nc".to_owned(),
        format!("OUTLIVE_JOB={}", job.id()),
    ]);
    expected.sort();
    assert_eq!(variables(&output(&job)), expected);
}

pub(crate) fn its_environment_can_be_its_own_alone() {
    let home = Home::new();
    let mut command = Command::new("cat");
    command
        .arg("/proc/self/environ")
        .env_clear()
        .env("A", "1")
        .env("OUTLIVE_JOB", "other");
    let job = home.start(&command, &JobOptions::new());
    waited(&job);
    assert_eq!(
        variables(&output(&job)),
        ["A=1".to_owned(), format!("OUTLIVE_JOB={}", job.id())]
    );
}

pub(crate) fn its_folder_and_umask() {
    let home = Home::new();
    let ours = own_status("Umask:").replace("Umask:\t", "");
    let here = std::env::current_dir()
        .expect("there is one")
        .display()
        .to_string();
    let job = home.shell("umask; /bin/pwd");
    waited(&job);
    assert_eq!(output(&job), format!("{ours}\n{here}\n"));

    let folder = home.folder().canonicalize().expect("our own folder");
    fs::create_dir(folder.join("sub")).expect("our own folder");
    let mut command = shell("umask; /bin/pwd");
    let job = home.start(
        command.umask(0o027).current_dir(folder.join("sub")),
        &JobOptions::new(),
    );
    waited(&job);
    assert_eq!(
        output(&job),
        format!("0027\n{}\n", folder.join("sub").display())
    );
    assert_eq!(status(&job).cwd, folder.join("sub"));
}

pub(crate) fn it_gets_the_descriptors_that_are_kept_and_no_other() {
    alone!();
    // What is not closed on exec here is not for it either.
    let (reader, writer) = pipe();
    let file = tempfile::tempfile().expect("a file can be made");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("our own file");
    let home = Home::new();
    let mut command = shell("(exec ls /proc/$$/fd); echo to five >&5; :");
    command.keep_descriptor(OwnedFd::from(writer), 5);
    let job = home.start(&command, &JobOptions::new());
    drop(command);
    waited(&job);
    assert_eq!(output(&job), "0\n1\n2\n5\n");
    assert_eq!(rest(reader), "to five\n");
}

/// Under numbers that its keeper uses for other things.
pub(crate) fn it_may_get_many_descriptors() {
    let home = Home::new();
    let mut command = shell("for n in $(seq 3 62); do cat /dev/fd/$n; done");
    for number in (3..=62).rev() {
        let path = home.folder().join(number.to_string());
        fs::write(&path, format!("{number} ")).expect("our own folder");
        command.keep_descriptor(fs::File::open(path).expect("our own file"), number);
    }
    let job = home.start(&command, &JobOptions::new());
    waited(&job);
    let expected: String = (3..=62).map(|number| format!("{number} ")).collect();
    assert_eq!(output(&job), expected);
}

pub(crate) fn a_secret_is_passed_on_and_not_stored() {
    let name = crate::support::this_test!();
    if !crate::support::is_alone(name) {
        let mut command = crate::support::wrapped(&[], name);
        crate::support::passes(name, command.env("OUTLIVE_TEST_SECRET", "hush"));
        return;
    }
    let home = Home::new();
    let mut command = shell("echo $OUTLIVE_TEST_SECRET $OUTLIVE_TEST_OPEN $OUTLIVE_TEST_OTHER");
    command
        .env_clear()
        .env("OUTLIVE_TEST_OPEN", "seen")
        .env("OUTLIVE_TEST_OTHER", "hushed too");
    let mut options = JobOptions::new();
    options
        .secret_env("OUTLIVE_TEST_SECRET")
        .secret_env("OUTLIVE_TEST_OTHER");
    let job = home.start(&command, &options);
    waited(&job);
    assert_eq!(output(&job), "hush seen hushed too\n");
    let record = fs::read_to_string(home.file(&job, "record")).expect("our own file");
    assert!(
        record.contains("seen") && record.contains("OUTLIVE_TEST_SECRET"),
        "{record}"
    );
    assert!(!record.contains("hush"), "{record}");
}

pub(crate) fn how_it_ended_is_told() {
    let home = Home::new();
    for (script, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 255", Some(255), None),
        ("kill -9 $$", None, Some(9)),
    ] {
        let ended = waited(&home.shell(script));
        let state = if code.is_some() {
            State::Exited
        } else {
            State::Signaled
        };
        assert_eq!(
            (ended.state, ended.exit_code, ended.signal),
            (state, code, signal),
            "{script}"
        );
    }
}
