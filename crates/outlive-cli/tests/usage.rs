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
