//! What is run when a job has ended for good: `run --on-end`, by `cmd.exe`.
#![cfg(windows)]

use outlive_windows::{Home, Stage};

/// Says all that it is told, in the order of these names, and something in quotation marks.
const TELL: &str = "echo %OUTLIVE_NAME% %OUTLIVE_STATE% [%OUTLIVE_EXIT_CODE%] %OUTLIVE_SUCCESS% \
                    %OUTLIVE_STOPPED% %OUTLIVE_RUNS%&& echo \"%COLOUR%\"";

/// What a job has printed, and what was printed after its end, once its keeper has gone.
#[track_caller]
fn printed(home: &Home) -> Vec<String> {
    home.keeper_gone("job");
    let logs = home.ok(["logs", "job"]);
    logs.lines().map(str::to_owned).collect()
}

#[test]
fn it_is_told_how_the_job_has_ended() {
    let options = ["--name", "job", "-e", "COLOUR=dark blue", "--on-end", TELL];
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut puppet) = home.start(&stage, &options);
    assert_eq!(puppet.ask("say last words"), "done");
    puppet.tell("exit 3");
    puppet.ended();
    let told = [
        "last words",
        "job exited [3] false false 1",
        "\"dark blue\"",
    ];
    assert_eq!(printed(&home), told);
    assert_eq!(home.call(["wait", "job"]).code, 3);

    let (home, stage) = (Home::new(), Stage::new());
    let (_, puppet) = home.start(&stage, &options);
    home.ok(["stop", "job", "--grace", "0s"]);
    puppet.ended();
    // A stop waits for it.
    let logs = home.ok(["logs", "job"]);
    let stopped = logs.lines().next().unwrap_or_default();
    assert!(stopped.ends_with(" true 1"), "{logs}");
}

#[test]
fn a_failure_of_it_is_noted_and_changes_nothing_else() {
    let (home, stage) = (Home::new(), Stage::new());
    let (_, mut puppet) = home.start(&stage, &["--name", "job", "--on-end", "exit 4"]);
    puppet.tell("exit 0");
    puppet.ended();
    home.keeper_gone("job");
    let shown = home.show("job");
    let notes = shown["notes"].to_string();
    assert!(notes.contains("it exited with 4"), "{shown}");
    assert_eq!(
        (&shown["state"], &shown["success"]),
        (&"exited".into(), &true.into())
    );
}

/// What it has started itself is not ended with it: PLATFORMS.md.
#[test]
fn one_that_hangs_is_ended_by_a_stop() {
    let (home, stage, after) = (Home::new(), Stage::new(), Stage::new());
    let words = after.words("after");
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let line = quoted.join(" ");
    let (_, mut puppet) = home.start(&stage, &["--name", "job", "--on-end", &line]);
    puppet.tell("exit 0");
    puppet.ended();
    let left = after.enter();
    assert_eq!(
        home.call(["wait", "job"]).code,
        0,
        "the job itself has ended"
    );
    home.ok(["stop", "job"]);
    home.keeper_gone("job");
    let shown = home.show("job");
    assert!(
        shown["notes"].to_string().contains("it was ended"),
        "{shown}"
    );
    drop(left);
}
