//! What the command says of itself, and how it answers to wrong usage. Nothing here starts a job.

use std::process::{Command, Output, Stdio};

const VERBS: [&str; 17] = [
    "run",
    "list",
    "show",
    "logs",
    "wait",
    "send",
    "stop",
    "kill",
    "restart",
    "rm",
    "prune",
    "completions",
    "man",
    "attach",
    "top",
    "events",
    "doctor",
];

fn outlive(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    // No home: whatever would touch one fails.
    command
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    std::str::from_utf8(&output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = outlive(arguments);
    assert_eq!(output.status.code(), Some(125), "{arguments:?}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("outlive: "), "{arguments:?}: {said}");
    said
}

#[test]
fn help_is_a_command_too() {
    for verb in VERBS {
        let asked = outlive(&["help", verb]);
        let flagged = outlive(&[verb, "--help"]);
        assert_eq!(stdout(&asked), stdout(&flagged), "{verb}");
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    for verb in VERBS {
        for flag in ["-h", "--help"] {
            let output = outlive(&[verb, flag]);
            let help = stdout(&output);
            let (_, examples) = help.split_once("\nExamples:\n").expect(verb);
            for line in examples.lines() {
                assert!(line.chars().count() <= 80, "{verb}: {line}");
            }
            assert!(
                examples.contains(&format!("outlive {verb} ")),
                "{verb}: {examples}"
            );
            assert!(!help.contains('\x1b'), "{verb}");
        }
    }
}

#[test]
fn the_overview_names_every_command_and_exit_code() {
    let output = outlive(&["--help"]);
    let help = stdout(&output);
    for verb in VERBS {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb}");
    }
    for code in ["124", "125", "126", "127", "128"] {
        assert!(help.contains(code), "{code}");
    }
    assert!(stdout(&outlive(&["--version"])).starts_with("outlive "));
}

#[test]
fn wrong_usage_is_no_exit_code_that_a_job_may_have() {
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["run", "--"],
        &["run", "--umask", "9", "--", "true"],
        &["run", "--until", "doomsday", "--", "true"],
        &["run", "--output-limit", "much", "--", "true"],
        &["run", "--output", "x", "--output-limit", "1", "--", "true"],
        &["run", "-i", "--stdin", "x", "--", "true"],
        &["run", "--json", "--follow", "--", "true"],
        &["run", "-e", "=x", "--", "true"],
        &["run", "--secret-env", "A=x", "--", "true"],
        &["wait"],
        &["wait", "--timeout", "soon", "x"],
        &["stop", "--grace", "-1s", "x"],
        &["kill", "-s", "NOPE", "x"],
        &["kill", "-s", "65", "x"],
        &["logs", "-n", "-3", "x"],
        &["send", "-N", "x"],
        &["prune", "--older-than", "1 fortnight"],
        &["completions", "tcsh"],
    ] {
        refused(arguments);
    }
    let output = outlive(&[]);
    assert_eq!(output.status.code(), Some(125));
}

/// Each says what is wrong with the value, and not that it is taken for another option.
#[test]
fn what_is_wrong_with_a_value_is_said() {
    let job = |options: &[&'static str]| [&["run"], options, &["--", "true"]].concat();
    let negative = "it can't be negative";
    let long = "longer than all times";
    for (arguments, expected) in [
        (job(&["--grace", "-1s"]), negative),
        (job(&["--timeout", "-1"]), negative),
        (job(&["--timeout", "999999999999d"]), long),
        (job(&["--expire", "1e300"]), long),
        (job(&["--timeout", "inf"]), "write it like 10s"),
        (job(&["--cpus", "1e30"]), "from 0.01 to 4294967"),
        (job(&["--cpus", "nan"]), "from 0.01 to 4294967"),
        (job(&["--cpus", "-1"]), "from 0.01 to 4294967"),
        (job(&["--memory", "-1G"]), "write it like 64MiB"),
        (job(&["--memory", "99999999999999G"]), "less than 8EiB"),
        (job(&["--tasks", "x"]), "a whole number from 1 on"),
        (
            job(&["--io-weight", "-1"]),
            "a whole number from 1 to 10000",
        ),
        (job(&["--nice", "1.5"]), "a whole number from -20 to 19"),
        (job(&["--output-limit", "-5"]), "write it like 64MiB"),
        (
            job(&["--success-codes", "-1"]),
            "write exit codes and names",
        ),
        (
            job(&["--restart", "always:-1"]),
            "the most restarts as a number",
        ),
        (job(&["--ready", "port:0"]), "no port from 1 to 65535"),
        (
            job(&["--ready", "log:("]),
            "the regular expression can't be read",
        ),
        (job(&["--tty", "--size", "0x0"]), "from 1x1 to 65535x65535"),
        (vec!["logs", "-n", "x", "job"], "a whole number from 0 on"),
        (vec!["logs", "-n", "-3", "job"], "a whole number from 0 on"),
        (vec!["logs", "--since", "-5m", "job"], negative),
        (
            vec!["logs", "--until", "noon", "job"],
            "a moment is written like",
        ),
        (vec!["wait", "--timeout", "-1", "job"], negative),
        (vec!["prune", "--older-than", "-1d"], negative),
    ] {
        let said = refused(&arguments);
        assert!(said.contains("invalid value '"), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_mistyped_command_is_answered_with_near_ones() {
    assert!(refused(&["lst"]).contains("list"));
    assert!(refused(&["run", "--folow", "--", "true"]).contains("--follow"));
}

#[test]
fn a_secret_that_is_not_set_is_not_passed_over() {
    let said = refused(&["run", "--secret-env", "TOKEN", "--", "true"]);
    assert!(
        said.contains("failed to pass on `TOKEN`: it is not set\nhint: "),
        "{said}"
    );
}

#[test]
fn what_the_user_wrote_reaches_no_terminal_raw() {
    for arguments in [
        &["show", "\x1b[31m\u{9b}"][..],
        &["\x1b[31m\u{9b}"],
        &["kill", "-s\x1b"],
    ] {
        let said = refused(arguments);
        assert!(!said.contains(['\x1b', '\u{9b}']), "{said:?}");
    }
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = outlive(&["completions", shell]);
        let script = stdout(&output);
        assert!(VERBS.iter().all(|verb| script.contains(verb)), "{shell}");
        assert!(script.contains("until"), "{shell}");
    }
}

#[test]
fn manual_pages_have_their_sections() {
    let output = outlive(&["man"]);
    let page = stdout(&output);
    for section in [
        "\n.SH SUBCOMMANDS\n",
        "\n.SH \"EXAMPLES\"\n",
        "\n.SH \"EXIT CODES\"\n",
    ] {
        assert!(page.contains(section), "{section}");
    }
    let folder = tempfile::tempdir().unwrap();
    stdout(&outlive(&["man", folder.path().to_str().unwrap()]));
    for verb in VERBS {
        let page =
            std::fs::read_to_string(folder.path().join(format!("outlive-{verb}.1"))).unwrap();
        assert!(
            page.contains("\n.SH \"EXAMPLES\"\n") && !page.contains('\x1b'),
            "{verb}"
        );
    }
    let said = refused(&["man", folder.path().join("none").to_str().unwrap()]);
    assert!(said.contains("failed to write manual page"), "{said}");
}
