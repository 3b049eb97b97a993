//! What is run when a job has ended for good: `run --on-end`.

use outlive_testkit::{Home, Puppet, quoted};
use std::fs;

/// Says all that it is told, in the order of these names.
const TELL: &str = "echo \"$OUTLIVE_NAME $OUTLIVE_STATE [$OUTLIVE_EXIT_CODE] [$OUTLIVE_SIGNAL] \
                    $OUTLIVE_SUCCESS $OUTLIVE_STOPPED $OUTLIVE_RUNS\"";

/// A job that tells how it has ended, and has these options as well.
fn telling(home: &Home, options: &[&str], puppet: &mut Puppet) {
    let options = [&["--name", "job", "--on-end", TELL], options].concat();
    home.start(&options, puppet);
}

/// What was told of the job, once its keeper has gone.
#[track_caller]
fn told(home: &Home) -> String {
    home.keeper_gone("job");
    let shown = home.show("job");
    assert!(!shown["notes"].to_string().contains("--on-end"), "{shown}");
    let logs = home.logs("job");
    logs.trim_end().to_owned()
}

#[test]
fn it_is_told_how_the_job_has_ended() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    telling(&home, &[], &mut puppet);
    puppet.does("say last words");
    puppet.exit(3);
    assert_eq!(told(&home), "last words\njob exited [3] [] false false 1");
    home.ok(["rm", "job"]);

    let mut puppet = Puppet::new(&home);
    telling(&home, &[], &mut puppet);
    puppet.tell("die USR1");
    let signal = libc::SIGUSR1;
    assert_eq!(
        told(&home),
        format!("job signaled [] [{signal}] false false 1")
    );
    home.ok(["rm", "job"]);

    let mut puppet = Puppet::new(&home);
    telling(&home, &["--success-codes", "SIGTERM"], &mut puppet);
    // A stop waits for it.
    home.ok(["stop", "job"]);
    assert_eq!(home.logs("job"), "job signaled [] [15] true true 1\n");
}

#[test]
fn a_time_that_is_over_is_told() {
    let home = Home::new();
    let said = home.call(
        [
            "run",
            "-f",
            "--name",
            "job",
            "--timeout",
            "20ms",
            "--on-end",
            TELL,
        ]
        .into_iter()
        .chain(["--", "sleep", "1000"]),
    );
    assert_eq!(said.code, 124, "{said}");
    assert_eq!(told(&home), "job timed-out [] [15] false false 1");
}

#[test]
fn of_many_runs_it_follows_the_last() {
    let home = Home::new();
    let options = [
        "--name",
        "job",
        "--restart",
        "on-failure:2",
        "--on-end",
        TELL,
    ];
    let job = ["--", "sh", "-c", "echo here; exit 3"];
    let said = home.call([&["run", "-f"], &options[..], &job].concat());
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(
        told(&home),
        "here\nhere\nhere\njob exited [3] [] false false 3"
    );
    // It is kept for another time.
    home.ok(["restart", "job"]);
    home.call(["wait", "job"]);
    home.keeper_gone("job");
    assert_eq!(home.logs("job").matches("job exited").count(), 2);
}

#[test]
fn it_has_the_jobs_environment_and_folder_and_knows_of_everything_left() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let folder = puppet.folder().display().to_string();
    let line = "echo \"$COLOUR $OUTLIVE_JOB\"; pwd >&2; test -z \"$NOTIFY_SOCKET\"";
    let options = ["--name", "job", "--cwd", &folder, "-e", "COLOUR=dark blue"];
    home.start(&[&options[..], &["--on-end", line]].concat(), &mut puppet);
    let id = home.show("job")["id"]
        .as_str()
        .expect("it has one")
        .to_owned();
    puppet.exit(0);
    assert_eq!(told(&home), format!("dark blue {id}\n{folder}"));
}

#[test]
fn one_that_hangs_is_ended_by_a_stop_with_what_it_has_started() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut after = Puppet::new(&home);
    let line = quoted(after.words());
    home.start(&["--name", "job", "--on-end", &line], &mut puppet);
    puppet.exit(0);
    after.ready();
    assert_eq!(
        home.call(["wait", "job"]).code,
        0,
        "the job itself has ended"
    );
    after.child("daemon");
    home.ok(["stop", "job"]);
    after.gone();
    let shown = home.show("job");
    assert_eq!(shown["state"], "exited", "{shown}");
    assert!(
        shown["notes"].to_string().contains("it was ended"),
        "{shown}"
    );
}

#[test]
fn a_failure_of_it_is_noted_and_changes_nothing_else() {
    let home = Home::new();
    let said = home.call([
        "run", "-f", "--name", "job", "--on-end", "exit 4", "--", "true",
    ]);
    assert_eq!(said.code, 0, "{said}");
    home.keeper_gone("job");
    let shown = home.show("job");
    assert!(
        shown["notes"].to_string().contains("it exited with 4"),
        "{shown}"
    );
    assert_eq!(
        (&shown["state"], &shown["success"]),
        (&"exited".into(), &true.into())
    );
}

#[test]
fn what_goes_to_a_file_of_the_users_or_has_entries_goes_on_there() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let output = puppet.folder().join("output").display().to_string();
    telling(&home, &["--output", &output], &mut puppet);
    puppet.does("say to a file");
    puppet.exit(0);
    home.keeper_gone("job");
    let written = fs::read_to_string(&output).expect("it was written");
    assert_eq!(written, "to a file\njob exited [0] [] true false 1\n");
    home.ok(["rm", "job"]);

    let mut puppet = Puppet::new(&home);
    telling(&home, &["--timestamps", "--split"], &mut puppet);
    puppet.does("say an entry");
    puppet.exit(0);
    assert_eq!(told(&home), "an entry\njob exited [0] [] true false 1");
}

#[test]
fn another_keeper_runs_it_too() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    telling(&home, &[], &mut puppet);
    let keeper = home.keeper("job");
    keeper.kill();
    keeper.ended();
    let said = home.call(["wait", "--timeout", "1ms", "job"]);
    assert_eq!(said.code, 124, "{said}");
    puppet.exit(3);
    home.call(["wait", "job"]);
    home.keeper_gone("job");
    let logs = home.logs("job");
    assert!(
        logs.contains("job exited [3]") || logs.contains("job lost []"),
        "{logs}"
    );
}
