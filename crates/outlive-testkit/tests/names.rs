//! Names, arguments and programs, good and bad.

use outlive_testkit::{Home, Puppet, Running};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

#[test]
fn names_that_would_harm_are_refused() {
    let home = Home::new();
    let long = "x".repeat(300);
    for name in [
        "../x",
        "..",
        ".",
        "",
        "a/b",
        "/etc/x",
        "-n",
        "a b",
        "a\nb",
        "a\tb",
        "a\u{202e}b",
        &long,
    ] {
        let said = home.call(["run", &format!("--name={name}"), "--", "true"]);
        assert_eq!(said.code, 125, "{name:?}: {said}");
        assert_eq!(said.text(), "");
        assert!(!said.errors().is_empty(), "{name:?}");
    }
    // As two words it looks like an option, which is no name either.
    assert_eq!(home.call(["run", "--name", "-n", "--", "true"]).code, 125);
    assert_eq!(home.list().len(), 0);
    assert!(!home.folder().join("x").exists());
}

#[test]
fn names_in_any_language_are_taken() {
    let home = Home::new();
    for (code, name) in ["a", "nightly-🌙", "größer", "日本語", "7", "x:y@z", "👩‍🚀"]
        .iter()
        .enumerate()
    {
        let code = code.to_string();
        let printed = home.ok([
            "run",
            "--name",
            name,
            "--",
            "sh",
            "-c",
            &format!("exit {code}"),
        ]);
        assert_eq!(printed, *name);
        assert_eq!(home.call(["wait", name]).code.to_string(), code, "{name}");
        assert_eq!(home.show(name)["name"], **name);
    }
}

#[test]
fn two_running_jobs_of_one_name_are_refused() {
    let home = Home::new();
    let (mut first, mut second) = (Puppet::new(&home), Puppet::new(&home));
    home.start(&["--name", "job"], &mut first);
    let id = home.show("job")["id"].clone();
    let said = home.call(second.run_words(&["--name", "job"]));
    assert!(
        said.code == 125 && said.errors().contains("`job`"),
        "{said}"
    );
    assert_eq!(home.list().len(), 1);
    first.exit(1);
    assert_eq!(home.call(["wait", "job"]).code, 1);
    // A finished job's name means the newest that has it.
    home.start(&["--name", "job"], &mut second);
    assert_eq!(home.list().len(), 2);
    assert_ne!(home.show("job")["id"], id);
    let id = id.as_str().expect("an id is text");
    assert_eq!(
        home.call(["wait", id]).code,
        1,
        "the older one is still there by its id"
    );
    home.survives("job", &mut second);
}

/// The keeper may still be busy with what the main process has left; the job has ended.
#[test]
fn a_name_is_free_once_its_job_has_ended() {
    let home = Home::new();
    let (mut first, mut second) = (Puppet::new(&home), Puppet::new(&home));
    home.start(&["--name", "job"], &mut first);
    first.child("deaf-daemon");
    first.exit(1);
    assert_eq!(home.call(["wait", "job"]).code, 1);
    assert_eq!(home.show("job")["state"], "exited");
    home.start(&["--name", "job"], &mut second);
    home.survives("job", &mut second);
}

#[test]
fn the_newest_of_a_name_is_removed_and_the_name_stays_usable() {
    let home = Home::new();
    home.ok(["run", "--name", "job", "--", "true"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    home.ok(["rm", "job"]);
    assert_eq!(home.call(["show", "job"]).code, 125);
    home.ok(["run", "--name", "job", "--", "false"]);
    assert_eq!(home.call(["wait", "job"]).code, 1);
}

#[test]
fn the_beginning_of_an_id_is_enough_if_it_is_the_only_one() {
    let home = Home::new();
    let first = home.ok(["run", "--", "true"]);
    let second = home.ok(["run", "--", "true"]);
    home.call(["wait", &first, &second]);
    assert!(first.starts_with("true-"), "{first}");
    let said = home.call(["show", "true-"]);
    assert_eq!(said.code, 125, "{said}");
    assert!(
        said.errors().contains(&first) && said.errors().contains(&second),
        "{said}"
    );
    let differing = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(a, b)| a == b)
        .count()
        + 1;
    assert_eq!(home.show(&first[..differing])["id"], *first);
}

#[test]
fn an_unknown_job_is_answered_with_near_names() {
    let home = Home::new();
    home.ok(["run", "--name", "training", "--", "true"]);
    home.call(["wait", "training"]);
    for verb in [
        "show", "logs", "wait", "stop", "kill", "restart", "rm", "send",
    ] {
        let said = home.call([verb, "trainig"]);
        assert!(
            said.code == 125 && said.errors().contains("training"),
            "{verb}: {said}"
        );
        assert_eq!(said.text(), "");
    }
}

#[test]
fn arguments_arrive_as_they_are() {
    let home = Home::new();
    let wanted: Vec<OsString> = [
        b"".as_slice(),
        b"two words",
        b"line\nbreak\n",
        b"\xff\xfe not UTF-8",
        b"--name",
        b"-",
        b"--",
        b"'\"$HOME`",
        b"\x1b[31m",
        "🌙".as_bytes(),
    ]
    .iter()
    .map(|bytes| OsStr::from_bytes(bytes).to_owned())
    .collect();
    let mut words: Vec<OsString> = ["run", "--name", "job", "--"].map(Into::into).into();
    words.extend([home.puppet().into(), OsString::from("arguments")]);
    words.extend(wanted.iter().cloned());
    home.ok(words);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let mut expected = Vec::new();
    for word in &wanted {
        expected.extend_from_slice(word.as_bytes());
        expected.push(0);
    }
    assert_eq!(home.call(["logs", "job"]).out, expected);
    let shown = home.show("job");
    let command = shown["command"].as_array().expect("a command is an array");
    assert_eq!(command.len(), wanted.len() + 2);
    assert_eq!(command[4], "line\nbreak\n");
    // Nothing of it acts on a terminal or breaks a table.
    let table = home.call(["list"]);
    assert!(!table.out.contains(&0x1b), "{table}");
    assert_eq!(
        table
            .text()
            .lines()
            .filter(|line| line.contains("job"))
            .count(),
        1,
        "{table}"
    );
    home.ok(["restart", "job"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert!(
        home.call(["logs", "job"]).out.ends_with(&expected),
        "a restart has them too"
    );
}

#[test]
fn a_very_long_argument_arrives() {
    let home = Home::new();
    // The most that the kernel takes in one argument (MAX_ARG_STRLEN) with its NUL.
    let long = "x".repeat(131_071);
    let words = [
        "run",
        "--name",
        "job",
        "--",
        "sh",
        "-c",
        "printf %s \"$1\" | wc -c",
        "sh",
        &long,
    ];
    home.ok(words);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    assert_eq!(home.logs("job").trim(), "131071");
}

#[test]
fn a_large_environment_arrives() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let mut command = home.outlive_command(puppet.run_words(&["--name", "job"]));
    for index in 0..10 {
        command.env(format!("LARGE_{index}"), "x".repeat(100_000 + index));
    }
    assert_eq!(Running::start(&mut command).finish().code, 0);
    let variables = outlive_testkit::process::environment(puppet.ready());
    for index in 0..10 {
        let wanted = format!("LARGE_{index}={}", "x".repeat(100_000 + index));
        assert!(variables.contains(&wanted.into_bytes()), "{index}");
    }
    home.survives("job", &mut puppet);
}

#[test]
fn what_cannot_be_started_leaves_nothing_behind() {
    let home = Home::new();
    let folder = home.folder();
    let plain = folder.join("plain");
    std::fs::write(&plain, "no program").expect("our own folder");
    let no_interpreter = folder.join("script");
    std::fs::write(&no_interpreter, "#!/no/such/interpreter\n").expect("our own folder");
    let mode = |mode| <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode);
    std::fs::set_permissions(&no_interpreter, mode(0o755)).expect("our own file");
    let at = |path: &std::path::Path| path.to_str().expect("a temporary path is text").to_owned();

    let refused: [(i32, Vec<String>); 8] = [
        (127, vec!["--".into(), "no-such-program-anywhere".into()]),
        (127, vec!["--".into(), "/no/such/program".into()]),
        (127, vec!["--".into(), String::new()]),
        (126, vec!["--".into(), at(&plain)]),
        (126, vec!["--".into(), at(folder)]),
        (
            125,
            vec![
                "--cwd".into(),
                "/no/such/folder".into(),
                "--".into(),
                "true".into(),
            ],
        ),
        (
            125,
            vec![
                "--stdin".into(),
                "/no/such/file".into(),
                "--".into(),
                "true".into(),
            ],
        ),
        (
            125,
            vec![
                "--output".into(),
                "/no/such/folder/file".into(),
                "--".into(),
                "true".into(),
            ],
        ),
    ];
    for (code, words) in &refused {
        let run = ["run", "--name", "job"].map(str::to_owned);
        let said = home.call(run.iter().chain(words));
        assert_eq!(said.code, *code, "{said}");
        assert_eq!(said.text(), "");
        assert!(said.errors().starts_with("outlive: "), "{said}");
    }
    let said = home.call(["run", "--name", "job", "--", &at(&no_interpreter)]);
    assert!([126, 127].contains(&said.code), "{said}");

    assert_eq!(home.list().len(), 0);
    let left: Vec<_> = std::fs::read_dir(home.path().join("jobs"))
        .into_iter()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // Their name is free.
    home.ok(["run", "--name", "job", "--", "true"]);
    assert_eq!(home.call(["wait", "job"]).code, 0);
}

#[test]
fn wrong_usage_is_no_jobs_exit_code() {
    let home = Home::new();
    let none: [&str; 0] = [];
    for words in [
        &none[..],
        &["frobnicate"],
        &["run"],
        &["run", "--nonsense", "--", "true"],
        &["wait", "--timeout", "soon", "x"],
        &["run", "--umask", "9", "--", "true"],
        &["run", "--output-limit", "lots", "--", "true"],
        &["wait"],
    ] {
        let said = home.call(words);
        assert_eq!(said.code, 125, "{said}");
        assert_eq!(said.text(), "");
    }
    for words in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let said = home.call(words);
        assert!(said.code == 0 && !said.text().is_empty(), "{said}");
    }
}
