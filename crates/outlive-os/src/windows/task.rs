//! Having the Task Scheduler start a program, by schtasks.exe, which takes no COM. Not verified: no
//! Task Scheduler that runs anything was at hand.

use super::{quote, security};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::windows::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

/// A task that was made to start one program.
pub(super) struct Task {
    name: String,
}

/// Whether there is a program by which a task can be made. Whether this user may is told by trying.
pub(super) fn may_be_made() -> io::Result<()> {
    fs::metadata(schtasks()).map(drop)
}

fn schtasks() -> PathBuf {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
    Path::new(&system).join(r"System32\schtasks.exe")
}

/// Runs schtasks.exe; its own words if it fails.
fn run(arguments: &[&OsStr]) -> io::Result<()> {
    let mut command = Command::new(schtasks());
    command.args(arguments).creation_flags(CREATE_NO_WINDOW);
    let ended = command.output()?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let why = match said.trim() {
        "" => format!("schtasks.exe ended with code {}", ended.status),
        said => format!("schtasks.exe: {said}"),
    };
    Err(io::Error::other(why))
}

impl Task {
    /// Makes a task and has it run at once. It runs whether its user is logged on or not, without a
    /// password and without network credentials (S4U).
    pub(super) fn start(program: &Path, arguments: &[&str], pipe: &str) -> io::Result<Task> {
        let name = pipe.rsplit('\\').next().unwrap_or(pipe);
        let file = std::env::temp_dir().join(format!("{name}.xml"));
        let written = write(&file, &definition(program, arguments, pipe)?);
        let (task, path) = (OsStr::new(name), file.as_os_str());
        let words = ["/create", "/tn", "/xml"].map(OsStr::new);
        let made = written.and_then(|()| run(&[words[0], words[1], task, words[2], path]));
        // Perhaps it was not even made.
        let _ = fs::remove_file(&file);
        made?;
        let it = Task {
            name: name.to_owned(),
        };
        run(&["/run", "/tn", name].map(OsStr::new))?;
        Ok(it)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // What runs goes on. One that is left does nothing: it has no trigger, and its pipe is gone.
        let _ = run(&["/delete", "/tn", &self.name, "/f"].map(OsStr::new));
    }
}

/// Writes UTF-16, which is what schtasks.exe reads.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    File::create_new(path)?.write_all(&bytes)
}

/// The task ("Task Scheduler Schema"): nothing limits or stops it, and its priority is the usual one
/// and not the lower one that tasks have if nothing is said.
fn definition(program: &Path, arguments: &[&str], pipe: &str) -> io::Result<String> {
    let user = security::Sid::own()?.text()?;
    let all = arguments.iter().copied().chain([pipe]);
    // The first is the name, which stands in an element of its own.
    let line = quote::of_program(
        std::iter::once(&b""[..]).chain(all.map(str::as_bytes)),
        None,
    )?;
    let line = String::from_utf16_lossy(line.get(3..line.len() - 1).unwrap_or_default());
    let program = program.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
    let (program, line) = (escaped(program), escaped(&line));
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>S4U</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
    <Hidden>true</Hidden>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{line}</Arguments>
    </Exec>
  </Actions>
</Task>
"#
    ))
}

/// Text as it stands in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
