//! Command lines: Windows passes programs one string, which each takes apart itself. Nearly all do so
//! as CommandLineToArgvW and the C runtime do; cmd.exe, which runs batch files, does not.

use super::{call, os_string};
use std::io;
use std::os::windows::ffi::OsStrExt;
use windows_sys::Win32::Foundation::ERROR_FILENAME_EXCED_RANGE;

/// The longest command line there can be, with its NUL (CreateProcessW).
const LONGEST: usize = 32767;
/// And the longest that cmd.exe takes.
const LONGEST_OF_CMD: usize = 8191;

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const PERCENT: u16 = b'%' as u16;

/// The command line of a program, from its arguments, its own name first, and what stands behind them
/// as it is.
pub(super) fn of_program<'a>(
    mut arguments: impl Iterator<Item = &'a [u8]>,
    raw: Option<&[u8]>,
) -> io::Result<Vec<u16>> {
    let mut line = Vec::new();
    // The name is taken apart in a simpler way, in which no quotation mark can be part of it.
    let name = units(arguments.next().unwrap_or_default());
    if name.contains(&QUOTE) {
        return Err(refused("a program's name can't contain a quotation mark"));
    }
    line.push(QUOTE);
    line.extend(name);
    line.push(QUOTE);
    for argument in arguments {
        line.push(b' '.into());
        append(&mut line, &units(argument));
    }
    if let Some(raw) = raw {
        line.push(b' '.into());
        line.extend(units(raw));
    }
    ended(line, LONGEST)
}

/// Adds an argument. Backslashes count as themselves unless a quotation mark follows: then two are
/// one, and an odd one makes the mark part of the argument.
fn append(line: &mut Vec<u16>, argument: &[u16]) {
    let plain = |unit: &u16| {
        !matches!(
            char::from_u32((*unit).into()),
            Some(' ' | '\t' | '\n' | '\x0b' | '"')
        )
    };
    if !argument.is_empty() && argument.iter().all(plain) {
        line.extend(argument);
        return;
    }
    line.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument {
        match *unit {
            BACKSLASH => backslashes += 1,
            QUOTE => {
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        line.push(*unit);
    }
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

/// The command line by which cmd.exe runs a batch file. An argument that cmd.exe would take for more
/// than an argument is refused (CVE-2024-24576), as std does.
pub(super) fn of_batch_file<'a>(
    script: &[u16],
    arguments: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Vec<u16>> {
    // Extensions on, since `append_for_cmd` needs them; no `!NAME!`; nothing from the registry is run
    // first. Of what is behind /c the first and the last quotation mark are taken away.
    let mut line: Vec<u16> = "cmd.exe /e:ON /v:OFF /d /c \"\"".encode_utf16().collect();
    if script.contains(&QUOTE) || script.last() == Some(&BACKSLASH) {
        return Err(refused("no file has such a name"));
    }
    script
        .iter()
        .for_each(|unit| push_for_cmd(&mut line, *unit));
    line.push(QUOTE);
    for argument in arguments {
        let argument = units(argument);
        // They end the command line, also in quotation marks.
        if argument.iter().any(|unit| matches!(*unit, 0x0A | 0x0D)) {
            return Err(refused(
                "an argument of a batch file can't contain a newline",
            ));
        }
        line.push(b' '.into());
        append_for_cmd(&mut line, &argument);
    }
    line.push(QUOTE);
    ended(line, LONGEST_OF_CMD)
}

/// Adds an argument for a batch file: in quotation marks unless it is known to need none.
fn append_for_cmd(line: &mut Vec<u16>, argument: &[u16]) {
    let plain = |unit: &u16| match char::from_u32((*unit).into()) {
        Some(it) if it.is_ascii() => it.is_ascii_alphanumeric() || r"#$*+-./:?@\_".contains(it),
        Some(it) => !it.is_control(),
        None => true,
    };
    // A backslash at its end would be before the mark of a batch file that says "%1".
    let bare =
        !argument.is_empty() && argument.last() != Some(&BACKSLASH) && argument.iter().all(plain);
    if bare {
        line.extend(argument);
        return;
    }
    line.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument {
        match *unit {
            BACKSLASH => backslashes += 1,
            QUOTE => {
                // For the program that the batch file may pass it on to; to cmd.exe two are one.
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
                line.push(QUOTE);
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        push_for_cmd(line, *unit);
    }
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

/// Adds a unit so that cmd.exe finds no `%NAME%` in it: behind a per cent sign stands a variable that
/// is always there, of which a part without length is taken.
fn push_for_cmd(line: &mut Vec<u16>, unit: u16) {
    if unit == PERCENT {
        line.extend("%%cd:~,".encode_utf16());
    }
    line.push(unit);
}

fn units(bytes: &[u8]) -> Vec<u16> {
    os_string(bytes.to_vec()).encode_wide().collect()
}

fn ended(mut line: Vec<u16>, longest: usize) -> io::Result<Vec<u16>> {
    line.push(0);
    match line.len() <= longest {
        true => Ok(line),
        false => Err(call::error(ERROR_FILENAME_EXCED_RANGE)),
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
