//! A program that knows nothing of outlive: Node.js, where `OUTLIVE_TEST_NODE` says it is.
#![cfg(windows)]

use outlive_windows::{Home, skipped};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Node.js; without it the test is skipped.
fn node() -> Option<String> {
    let Some(path) = std::env::var_os("OUTLIVE_TEST_NODE") else {
        skipped(
            "a program of somebody else's",
            "OUTLIVE_TEST_NODE is not set",
        );
        return None;
    };
    // Under Wine it is named as Unix does: from the root of the drive that the test is on.
    let root = std::env::current_dir().expect("there is one");
    let root: PathBuf = root.components().take(2).collect();
    Some(root.join(Path::new(&path)).display().to_string())
}

/// `run` of a script, with `words` for it.
fn run<'a>(options: &[&'a str], node: &'a str, script: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    // It warns of certificates that it can't read, which would be a file of Unix here.
    let first = ["run", "--env", "NODE_EXTRA_CA_CERTS="].into_iter();
    first
        .chain(options.iter().copied())
        .chain(["--", node, "-e", script, "--"])
        .chain(words.iter().copied())
        .collect()
}

#[test]
fn its_arguments_output_and_exit_code_are_kept() {
    let Some(node) = node() else { return };
    let home = Home::new();
    let script = "console.log(JSON.stringify(process.argv.slice(1))); \
                  console.error('größe'); process.exitCode = 3";
    let words = ["", "a \"b\" \\", "%PATH%", "^&|", "日本語"];
    let id = home.ok(run(&["--name", "script"], &node, script, &words));
    assert_eq!(home.call(["wait", "script"]).code, 3);
    let logs = home.ok(["logs", &id]);
    let (arguments, rest) = logs.split_once('\n').expect("two lines");
    let arguments: Vec<String> = serde_json::from_str(arguments).expect("it printed JSON");
    assert_eq!(arguments, words);
    assert_eq!(rest.trim(), "größe");
}

#[test]
fn it_is_talked_to() {
    let Some(node) = node() else { return };
    let home = Home::new();
    let script = "process.stdin.on('data', data => process.stdout.write(data)); \
                  process.stdin.on('end', () => process.exit(4))";
    let id = home.ok(run(&["-i"], &node, script, &[]));
    home.ok(["send", &id, "first"]);
    home.ok(["send", &id, "--eof", "last"]);
    assert_eq!(home.call(["wait", &id]).code, 4);
    assert_eq!(home.ok(["logs", &id]), "first\nlast");
}

/// Its children are in groups and consoles of their own, and it no longer knows them.
#[test]
fn what_it_starts_is_stopped_with_it() {
    let Some(node) = node() else { return };
    let home = Home::new();
    let script = "const child = 'console.log(\"up\"); setInterval(() => {}, 1e6)'; \
         for (let i = 0; i < 3; i++) require('child_process').spawn(process.execPath, \
         ['-e', child], { detached: true, stdio: 'inherit' }).unref(); \
         setInterval(() => {}, 1e6)";
    let id = home.ok(run(&[], &node, script, &[]));
    let mut following = home.command(["logs", "--follow", &id]);
    let mut following = following.spawn().expect("it starts");
    let lines = BufReader::new(following.stdout.take().expect("a pipe")).lines();
    let up = lines.take(3).map(|line| line.expect("it can be read"));
    assert_eq!(up.collect::<Vec<_>>(), ["up"; 3]);
    // The main process, its three children, the keeper, and who follows.
    assert!(home.processes().len() >= 5);
    home.ok(["stop", &id, "--grace", "0s"]);
    following.wait().expect("it is ours");
    home.keeper_gone(&id);
    assert_eq!(home.processes().len(), 0);
}
