//! What a job is started with arrives as it was given.
#![cfg(windows)]

use outlive_windows::{Home, Stage};
use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt;

const HOSTILE: &[&str] = &[
    "",
    " ",
    "a b",
    "\"",
    "\\",
    "\\\\",
    "\\\"",
    "a\\\\\"b\\\\",
    "trailing\\",
    "with space\\",
    "\"quoted\"",
    "%PATH%",
    "%",
    "%%",
    "^",
    "^^&|<>()",
    "!x!",
    "a\tb",
    "a\nb",
    "*",
    "?",
    "--name",
    "-",
    "--",
    "'",
    "`",
    "$HOME",
    "größe",
    "日本語",
    "🦀",
    "\u{7f}\u{200b}",
    "=",
    ";,",
    "/c",
    "@file",
];

fn hexadecimal(words: &[OsString]) -> String {
    let line = |word: &OsString| -> String {
        let bytes = word.as_encoded_bytes().iter();
        bytes.map(|byte| format!("{byte:02x}")).collect()
    };
    words.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn arguments_arrive_as_they_were_given() {
    let (home, stage) = (Home::new(), Stage::new());
    let mut words: Vec<OsString> = HOSTILE.iter().map(OsString::from).collect();
    // Half a surrogate pair is no Unicode, and yet an argument.
    words.push(OsString::from_wide(&[0x61, 0xD83E, 0x62]));
    words.push("x".repeat(8000).into());
    let program = stage.words("")[0].clone();
    let command = ["run", "--follow", "--", &program, "arguments"].map(OsString::from);
    let said = home.call(command.iter().chain(&words));
    assert_eq!(said.code, 0, "{said}");
    let printed = said.text().replace('\r', "");
    // The empty first one is an empty line.
    assert_eq!(printed, hexadecimal(&words).trim());
}

#[test]
fn arguments_are_kept_for_the_next_run() {
    let (home, stage) = (Home::new(), Stage::new());
    let words: Vec<OsString> = HOSTILE.iter().map(OsString::from).collect();
    let program = stage.words("")[0].clone();
    let command = ["run", "--", &program, "arguments"].map(OsString::from);
    let id = home.ok(command.iter().chain(&words));
    assert_eq!(home.call(["wait", &id]).code, 0);
    home.ok(["restart", &id]);
    assert_eq!(home.call(["wait", &id]).code, 0);
    let shown = home.show(&id);
    let shown: Vec<&str> = shown["command"]
        .as_array()
        .expect("it is a list")
        .iter()
        .skip(2)
        .filter_map(|word| word.as_str())
        .collect();
    assert_eq!(shown, HOSTILE);
    let twice = format!("{0}\n{0}", hexadecimal(&words));
    let printed = home.call(["logs", &id]).text().replace('\r', "");
    assert!(printed.ends_with(hexadecimal(&words).trim()), "{printed}");
    assert!(printed == twice.trim() || printed == hexadecimal(&words).trim());
}

#[test]
fn folder_and_variables_arrive_as_they_were_given() {
    let (home, stage) = (Home::new(), Stage::new());
    let value = "a \"b\" %PATH% größe 🦀";
    let set = format!("OUTLIVE_TEST_VALUE={value}");
    let (_, mut puppet) = home.start(&stage, &["--env", &set, "--name", "größe"]);
    assert_eq!(puppet.ask("variable OUTLIVE_TEST_VALUE"), value);
    assert_eq!(puppet.ask("say größe 🦀"), "done");
    assert_eq!(home.ok(["logs", "größe"]), "größe 🦀");
}
