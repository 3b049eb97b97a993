//! `restart`.

use outlive_testkit::{Home, Puppet, Running};

/// Starts a job with a stored, a secret and an inherited variable.
fn start(home: &Home, puppet: &mut Puppet) -> String {
    let options = ["--name", "job", "-e", "STORED=s1", "--secret-env", "SECRET"];
    let mut command = home.outlive_command(puppet.run_words(&options));
    command
        .env("SECRET", "hush-hush")
        .env("INHERITED", "inherited once")
        .env("GOES", "1");
    let said = Running::start(&mut command).finish();
    assert_eq!(said.code, 0, "{said}");
    puppet.ready();
    assert_eq!(puppet.ask("env STORED"), "set s1");
    assert_eq!(puppet.ask("env SECRET"), "set hush-hush");
    assert_eq!(puppet.ask("env INHERITED"), "set inherited once");
    home.show("job")["id"]
        .as_str()
        .expect("an id is text")
        .to_owned()
}

/// Restarts it with another environment.
fn restart(home: &Home, puppet: &mut Puppet) {
    let mut command = home.outlive_command(["restart", "job"]);
    command
        .env("SECRET", "psst")
        .env("INHERITED", "inherited again")
        .env("STORED", "not this one");
    let said = Running::start(&mut command).finish();
    assert_eq!(said.code, 0, "{said}");
    puppet.ready();
    assert_eq!(puppet.ask("env STORED"), "set s1");
    assert_eq!(puppet.ask("env SECRET"), "set psst");
    assert_eq!(puppet.ask("env INHERITED"), "set inherited again");
    assert_eq!(puppet.ask("env GOES"), "unset");
}

#[test]
fn a_job_that_has_ended() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = start(&home, &mut puppet);
    let first = puppet.beat();
    puppet.exit(5);
    assert_eq!(home.call(["wait", "job"]).code, 5);
    restart(&home, &mut puppet);
    let second = puppet.beat();
    assert_ne!(first, second);
    let shown = home.show("job");
    assert_eq!(shown["id"], *id);
    assert_eq!(shown["state"], "running");
    let runs = shown["runs"].as_array().expect("runs are an array");
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["exit_code"], 5);
    assert!(home.logs("job").contains(&second));
    assert_eq!(puppet.ask("env OUTLIVE_JOB"), format!("set {id}"));
    home.survives("job", &mut puppet);
    assert_eq!(home.list().len(), 1);
}

#[test]
fn a_job_that_runs_is_stopped_first() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    start(&home, &mut puppet);
    let main = outlive_testkit::Pidfd::of(puppet.pid()).expect("it runs");
    let child = puppet.child("daemon");
    let child = outlive_testkit::Pidfd::of(child).expect("it runs");
    restart(&home, &mut puppet);
    assert!(!main.lives() && !child.lives());
    home.survives("job", &mut puppet);
}

#[test]
fn what_is_secret_is_stored_nowhere() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = start(&home, &mut puppet);
    puppet.exit(0);
    assert_eq!(home.call(["wait", "job"]).code, 0);
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(home.job(&id)).expect("the job's folder") {
        let path = entry.expect("the job's folder").path();
        if path.is_file() {
            stored.extend(std::fs::read(path).expect("a file of the job's"));
        }
    }
    let stored = String::from_utf8_lossy(&stored);
    assert!(
        stored.contains("s1"),
        "what was given with -e is stored: {stored}"
    );
    for other in ["hush-hush", "inherited once", "INHERITED"] {
        assert!(!stored.contains(other), "{other} is stored: {stored}");
    }
}

#[test]
fn a_restart_that_fails_makes_no_output_file() {
    let home = Home::new();
    let file = home.folder().join("output");
    let path = file.to_str().expect("a temporary path is text");
    let options = ["--name", "job", "--output", path, "--secret-env", "SECRET"];
    let words = [&["run"], &options[..], &["--", "true"]].concat();
    let said = Running::start(home.outlive_command(words).env("SECRET", "x")).finish();
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(home.call(["wait", "job"]).code, 0);
    std::fs::remove_file(&file).expect("our own file");
    let mut restart = home.outlive_command(["restart", "job"]);
    let said = Running::start(restart.env_remove("SECRET")).finish();
    assert!(
        said.code == 125 && said.errors().contains("SECRET"),
        "{said}"
    );
    assert!(!file.exists());
}

#[test]
fn a_restart_that_fails_keeps_what_there_was() {
    let home = Home::new();
    let program = home.folder().join("program");
    let script = "#!/bin/sh\necho said by the first\nexit 5\n";
    std::fs::write(&program, script).expect("our own folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("our own file");
    let path = program.to_str().expect("a temporary path is text");
    home.ok(["run", "--name", "job", "--", path]);
    assert_eq!(home.call(["wait", "job"]).code, 5);
    std::fs::remove_file(&program).expect("our own file");
    let said = home.call(["restart", "job"]);
    assert_eq!(said.code, 127, "{said}");
    assert_eq!(home.list().len(), 1);
    assert!(home.logs("job").contains("said by the first"));
    let runs = &home.show("job")["runs"];
    assert_eq!(runs[0]["exit_code"], 5, "{runs}");
}
