//! The survey as it is taken: by processes in surroundings that a test has made for them.
//!
//! A survey's caller is this program again, run for the one test [`the_caller`], which says what it
//! has found. Of what Linux alone has nothing is looked for elsewhere.

use outlive_escape::survey::{Stream, Survey, cgroup_limits};
use outlive_os::{KERNEL, Kernel, proc, role};
use std::ffi::{OsStr, OsString};
use std::process::Command;
use std::{env, thread};

const PART: &str = "OUTLIVE_TEST_PART";

/// Not a test of its own: what the others start.
#[test]
fn the_caller() {
    match env::var(PART).as_deref() {
        Ok("say") => println!("{:?}", survey()),
        Ok("exit") => {
            // Whoever has closed standard output hears no more than this.
            let survey = survey();
            let open = survey.streams.iter().all(|it| *it == Stream::Other);
            std::process::exit(if open { 37 } else { 38 });
        }
        // A keeper, by its one variable; or a subreaper of another kind.
        Ok("reap") | Err(_) if env::var_os(PART).is_some() || is_keeper() => {
            role::become_keeper("reaper").expect("anybody may be a subreaper");
            print!("reaper {}: {}", std::process::id(), said(caller("say")));
        }
        _ => {}
    }
}

fn is_keeper() -> bool {
    env::vars_os().eq([("OUTLIVE_KEEPER".into(), "1".into())])
}

fn survey() -> Survey {
    Survey::read(env::vars_os()).expect("the kernel tells of this process")
}

fn this() -> OsString {
    env::current_exe().expect("a program knows its path").into()
}

const WORDS: [&str; 4] = ["--exact", "the_caller", "--nocapture", "--test-threads=1"];

fn caller(part: &str) -> Command {
    let mut command = Command::new(this());
    command.args(WORDS).env(PART, part);
    command
}

/// A caller that a shell has made surroundings for.
fn prepared(script: &str, part: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("{script}\nexec \"$0\" \"$@\"");
    command.args([OsStr::new("-c"), OsStr::new(&script), &this()]);
    command.args(WORDS).env(PART, part);
    command
}

#[track_caller]
fn said(mut command: Command) -> String {
    let output = command.output().expect("it can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn it_tells_of_this_process() {
    let survey = survey();
    assert_eq!(survey.kernel, KERNEL);
    assert_eq!(survey.process.pid, std::process::id().cast_signed());
    assert_eq!(survey.user, role::user());
    let here = env::current_dir().expect("it is there");
    assert_eq!((survey.folder.path, survey.folder.deleted), (here, false));
    assert_eq!(survey.cgroup_limits, [""; 0]);
    for hierarchy in &survey.cgroups {
        // The folder is really the one: it lists this process.
        let Some(folder) = &hierarchy.folder else {
            continue;
        };
        let listed = std::fs::read_to_string(folder.join("cgroup.procs"));
        let me = std::process::id().to_string();
        let mut listed = listed.as_deref().unwrap_or(&me).lines();
        assert!(listed.any(|pid| pid == me), "{hierarchy:?}");
        let above = hierarchy.base.as_ref();
        assert!(
            above.is_none_or(|base| folder.starts_with(base)),
            "{hierarchy:?}"
        );
    }
    for limit in cgroup_limits(&survey.cgroups) {
        assert!(limit.contains('='), "{limit}");
    }
}

#[test]
fn a_job_object_is_told_of_where_there_is_one() {
    let is_in = proc::in_job(None).expect("a process may ask of itself");
    let survey = survey();
    assert_eq!(survey.job.is_some(), is_in);
    let names = |maker: i32| proc::line(maker).is_ok_and(|line| line.is_some());
    let maker = survey.job.and_then(|job| job.maker);
    assert!(maker.is_none_or(names), "{maker:?}");
}

#[test]
fn it_tells_of_the_environment_it_is_given() {
    let pairs = [
        ("JENKINS_NODE_COOKIE", "a"),
        ("BUILD_ID", "7"),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("XDG_RUNTIME_DIR", "/run/user/7"),
        ("HOME", "/"),
    ];
    let environment = pairs.map(|(key, value)| (key.into(), value.into()));
    let survey = Survey::read(environment.into_iter()).expect("the kernel tells of this process");
    let cookies: Vec<&str> = survey
        .cookies
        .iter()
        .map(|it| it.variable.as_str())
        .collect();
    assert_eq!(cookies, ["JENKINS_NODE_COOKIE"]);
    assert_eq!(survey.credentials, ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"]);
}

#[test]
fn it_tells_of_limits_niceness_mask_and_signals() {
    if KERNEL != Kernel::Linux {
        return;
    }
    let script = "ulimit -n 64; ulimit -f 1000000; umask 027; trap '' USR1\n\
        exec nice -n 7 \"$0\" \"$@\"";
    let text = said(prepared(script, "say"));
    has(
        &text,
        &[
            "Resource { name: \"nofile\", soft: Some(64), hard: Some(64)",
            "Resource { name: \"fsize\", soft: Some(",
            "nice: 7,",
            "umask: 23",
        ],
    );
    let mask = text.split_once("ignored_signals: ").expect("it is there").1;
    let mask: String = mask.chars().take_while(char::is_ascii_digit).collect();
    let mask: u64 = mask.parse().expect("a number");
    // SIGUSR1 is 10, SIGUSR2 12.
    assert_eq!((mask >> 9 & 1, mask >> 11 & 1), (1, 0), "{mask:x}");
}

#[test]
fn it_tells_of_a_folder_that_has_been_deleted() {
    if KERNEL != Kernel::Linux {
        return;
    }
    let script = "d=$(mktemp -d); cd \"$d\"; rmdir \"$d\"";
    has(&said(prepared(script, "say")), &["deleted: true"]);
}

#[test]
fn closed_descriptors_do_no_harm() {
    if KERNEL != Kernel::Linux {
        return;
    }
    // Rust's runtime opens /dev/null in their place.
    let mut command = prepared("exec <&- >&- 2>&-", "exit");
    let status = command.status().expect("it can be run");
    assert_eq!(status.code(), Some(37));
}

#[test]
fn it_tells_of_a_subreaper_above() {
    if KERNEL != Kernel::Linux {
        return;
    }
    let text = said(caller("reap"));
    let pid = text
        .split_once("reaper ")
        .and_then(|it| it.1.split_once(':'));
    let pid = pid.expect("it says who it is").0;
    let adopter = format!("adoption: By(Adopter {{ pid: {pid}, name: ");
    has(&text, &[&adopter, "harmless: false"]);
}

#[test]
fn a_keeper_above_is_harmless() {
    if KERNEL != Kernel::Linux {
        return;
    }
    let mut keeper = Command::new(this());
    keeper.args(WORDS).env_clear().env("OUTLIVE_KEEPER", "1");
    has(&said(keeper), &["adoption: By(Adopter {", "harmless: true"]);
}

#[test]
fn a_pid_namespace_is_told_of() {
    if KERNEL != Kernel::Linux {
        return;
    }
    let tried = Command::new("unshare")
        .args(["-p", "-f", "--mount-proc", "true"])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        println!("SKIPPED: pid namespaces: none can be made here");
        return;
    }
    let mut command = Command::new("unshare");
    command
        .args(["-p", "-f", "--mount-proc"])
        .arg(this())
        .args(WORDS);
    command.env(PART, "say");
    has(
        &said(command),
        &[
            "namespace: Some(Namespace { container: None })",
            "adoption: First",
        ],
    );
}

/// The caller's threads may ask at once, and each is told of itself.
#[test]
fn threads_ask_at_once() {
    let first = survey();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let again = survey();
                    assert_eq!(
                        (&again.adoption, &again.cgroups),
                        (&first.adoption, &first.cgroups)
                    );
                }
            });
        }
    });
}
