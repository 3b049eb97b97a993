//! Which program is run, and with what.

use crate::common::{as_child, as_orphan, ends, is_wine, printed, puppet, strings};
use outlive_os::bytes;
use outlive_os::process::Exit;
use outlive_os::spawn::{Spawn, Strings, candidates};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::windows::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What programs take apart in a way of their own.
const HOSTILE: [&str; 26] = [
    "",
    " ",
    "a b",
    "\t",
    "\"",
    "\"\"",
    "a\"b",
    "\\",
    "\\\\",
    "a\\",
    "a b\\",
    "a\\\"b",
    "\\\"",
    "a\\\\\"b c\\\\",
    "%PATH%",
    "%",
    "%%",
    "^",
    "^&",
    "a&b",
    "|<>()",
    "!PATH!",
    "'x'",
    "žluťoučký 木 🦀",
    "--flag=\"quoted value\"",
    "/c echo",
];

fn hexadecimal(text: &OsStr) -> String {
    bytes(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn arguments_arrive_as_they_are() {
    let mut all: Vec<OsString> = HOSTILE.iter().map(OsString::from).collect();
    all.push("a\nb\rc".into());
    all.push(OsString::from_wide(&[0x61, 0xD800, 0x62]));
    let mut arguments = strings([crate::puppet::NAME, "arguments"]);
    for one in &all {
        arguments.push(&[bytes(one)]).expect("no NUL in it");
    }
    for start in [as_child, as_orphan] {
        let spawn = Spawn {
            arguments: arguments.clone(),
            ..puppet(&[])
        };
        let said = printed(spawn, start);
        let expected: Vec<String> = all.iter().map(|it| hexadecimal(it)).collect();
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_is_raw_is_left_to_the_program() {
    let spawn = Spawn {
        arguments: strings([crate::puppet::NAME, "arguments", "a b"]),
        raw_argument: Some(br#"c "d e"f \\g"#.to_vec()),
        ..puppet(&[])
    };
    let said = printed(spawn, as_child);
    let expected = ["a b", "c", "d ef", "\\\\g"].map(|it| hexadecimal(it.as_ref()));
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

fn batch_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("our own folder");
    path
}

fn run(path: &Path, arguments: &[&str]) -> Spawn<'static> {
    Spawn {
        programs: strings([path]),
        arguments: strings(["x"].iter().chain(arguments)),
        ..Spawn::default()
    }
}

#[test]
fn a_batch_file_is_run_by_cmd() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = batch_file(
        folder.path(),
        "a b.bat",
        "@echo [%~1][%~2]\r\n@exit /b 5\r\n",
    );
    let said = printed(run(&path, &["one", "two words"]), as_child);
    assert_eq!(said.trim(), "[one][two words]");
    assert_eq!(ends(run(&path, &[])), Exit::Code(5));
    let path = batch_file(folder.path(), "c.CMD", "@exit /b 6\r\n");
    assert_eq!(ends(run(&path, &[])), Exit::Code(6));
    // What is at its end is not part of the name, and does not hide what it is.
    let hidden = PathBuf::from(format!("{}. .", path.display()));
    assert_eq!(ends(run(&hidden, &[])), Exit::Code(6));
}

#[test]
fn nothing_in_an_argument_is_run_by_cmd() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = batch_file(folder.path(), "x.bat", "@echo [%1]\r\n@exit /b 5\r\n");
    for argument in [
        "\"&exit 9",
        "&exit 9",
        "%CMDCMDLINE:~-1%&exit 9",
        "|exit 9",
        "a\\\"&exit 9&",
    ] {
        assert_eq!(ends(run(&path, &[argument])), Exit::Code(5), "{argument}");
    }
    for argument in ["a\nexit 9", "a\rb"] {
        let error = run(&path, &[argument])
            .spawn()
            .expect_err("it can't be passed");
        assert_eq!(error.cause.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn the_first_that_can_be_run_is_taken() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name);
    batch_file(folder.path(), "plain", "no program");
    batch_file(folder.path(), "first.bat", "@exit /b 2\r\n");
    batch_file(folder.path(), "second.bat", "@exit /b 3\r\n");
    let [missing, below, plain, first, second] = [
        "missing",
        "plain\\below",
        "plain",
        "first.bat",
        "second.bat",
    ]
    .map(path);
    let run = |programs: &[&PathBuf]| Spawn {
        programs: strings(programs),
        ..run(Path::new(""), &[])
    };
    let all = run(&[&missing, &below, &plain, &first, &second]);
    assert_eq!(ends(all), Exit::Code(2));
    assert_eq!(ends(run(&[&second, &first])), Exit::Code(3));
    // One that is there but can't be run is the reason, wherever it stands.
    for programs in [[&plain, &missing], [&missing, &plain]] {
        let error = run(&programs).spawn().expect_err("none of them can be run");
        assert_eq!(error.cause.raw_os_error(), Some(193));
    }
}

#[test]
fn a_program_may_be_named_without_its_extension() {
    let program = env::current_exe().expect("a program knows its path");
    let spawn = Spawn {
        programs: strings([program.with_extension("")]),
        ..puppet(&["exit", "7"])
    };
    assert_eq!(ends(spawn), Exit::Code(7));
    // And from the folder that it starts in.
    let spawn = Spawn {
        programs: strings([program.file_name().expect("it has a name")]),
        folder: Some(strings([program.parent().expect("it is in a folder")])),
        ..puppet(&["exit", "7"])
    };
    assert_eq!(ends(spawn), Exit::Code(7));
}

#[test]
fn a_program_may_have_a_long_path() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut path = PathBuf::from(format!(r"\\?\{}", folder.path().display()));
    for _ in 0..6 {
        path.push("x".repeat(50));
        fs::create_dir(&path).expect("our own folder");
    }
    path.push("program.exe");
    fs::copy(env::current_exe().expect("it knows its path"), &path).expect("there is room");
    let short = path
        .to_str()
        .expect("text")
        .trim_start_matches(r"\\?\")
        .to_owned();
    for program in [path.to_str().expect("text"), &short] {
        let spawn = Spawn {
            programs: strings([program]),
            ..puppet(&["exit", "7"])
        };
        match spawn.spawn() {
            Err(error) if is_wine() && error.cause.raw_os_error() == Some(2) => {
                println!("SKIPPED: a program of a long path: Wine runs none");
            }
            started => {
                let exit = started.expect("it is there").reap();
                assert_eq!(exit.expect("it can be waited for"), Some(Exit::Code(7)));
            }
        }
    }
    fs::remove_dir_all(format!(r"\\?\{}", folder.path().display())).expect("our own folder");
}

#[test]
fn the_environment_is_what_is_given() {
    let variables = ["B=", "=odd", "C=x=y", "A=1", "nothing", "a=2", "ä=ö"];
    let spawn = Spawn {
        environment: Some(strings(variables)),
        ..puppet(&["environment"])
    };
    let said = printed(spawn, as_child);
    let mut lines: Vec<&str> = said.lines().collect();
    // The system's own, without which many programs do not even start.
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("systemroot="));
    for expected in ["B=", "C=x=y", "a=2", "ä=ö"] {
        assert!(lines.contains(&expected), "{said}");
    }
    assert!(!said.contains("A=1") && !said.contains("nothing"), "{said}");
    let spawn = Spawn {
        environment: Some(Strings::default()),
        ..puppet(&["environment"])
    };
    assert!(!printed(spawn, as_orphan).contains("PATH=C:"));
}

#[test]
fn the_environment_is_the_callers_where_none_is_given() {
    let mut ours: Vec<String> = env::vars()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    ours.sort();
    for start in [as_child, as_orphan] {
        let said = printed(puppet(&["environment"]), start);
        let mut lines: Vec<&str> = said.lines().collect();
        lines.sort();
        assert_eq!(lines, ours);
    }
}

#[test]
fn the_folder_is_what_is_given_or_the_callers() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let spawn = Spawn {
        folder: Some(strings([folder.path()])),
        ..puppet(&["folder"])
    };
    let said = printed(spawn, as_child);
    assert_eq!(said.trim(), folder.path().display().to_string());
    let said = printed(puppet(&["folder"]), as_child);
    let own = env::current_dir().expect("there is one");
    assert_eq!(said.trim(), own.display().to_string());
}

#[test]
fn a_program_is_looked_for_along_the_path() {
    let found = |program: &str, path: &str| -> Vec<String> {
        let all = candidates(program.as_ref(), Some(path.as_ref()));
        all.into_iter()
            .map(|it| String::from_utf8(it).expect("text"))
            .collect()
    };
    assert_eq!(found(r".\x", r"C:\a"), [r".\x"]);
    assert_eq!(
        found("x.exe", r"C:\a;;C:\b"),
        [r"C:\a\x.exe", r"C:\b\x.exe"]
    );
    assert_eq!(
        found("x", r"C:\a"),
        [r"C:\a\x", r"C:\a\x.bat", r"C:\a\x.cmd"]
    );
    assert_eq!(candidates("x".as_ref(), None), [] as [Vec<u8>; 0]);
}
