//! What `outlive.exe` takes on Windows beside a program that does nothing: its file, its start, its
//! keeper's memory. `cargo xtask bench --windows` builds it and runs it under Wine, whose own times
//! mean nothing: only the ratios are printed.
//!
//! Arguments: `outlive.exe` and `minimal.exe`.

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    windows::main()
}

#[cfg(not(windows))]
fn main() {
    eprintln!("this measures on Windows: cargo xtask bench --windows");
    std::process::exit(2);
}

#[cfg(windows)]
mod windows {
    use std::io;
    use std::os::windows::io::AsRawHandle;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};
    use windows_sys::Win32::System::ProcessStatus::{
        K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS,
    };
    use windows_sys::Win32::System::Threading::{
        OpenProcess, PROCESS_QUERY_INFORMATION, PROCESS_VM_READ,
    };

    const ROUNDS: usize = 100;

    pub(super) fn main() -> io::Result<()> {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let [outlive, minimal] = &arguments[..] else {
            return Err(io::Error::other("startup.exe OUTLIVE.EXE MINIMAL.EXE"));
        };
        let (outlive, minimal) = (Path::new(outlive), Path::new(minimal));

        let size = |path: &Path| path.metadata().map(|it| it.len());
        tell("file", size(outlive)? as f64, size(minimal)? as f64);

        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(time(&mut Command::new(minimal))?);
            ours.push(time(Command::new(outlive).arg("--version"))?);
        }
        tell("start", median(ours), median(theirs));

        let home = tempfile::tempdir()?;
        let ask = |words: &[&str]| {
            let mut command = Command::new(outlive);
            command
                .args(words)
                .env("OUTLIVE_HOME", home.path().join("home"));
            command.output()
        };
        let waiting = Waiting::start(minimal)?;
        let minimal_path = minimal.to_string_lossy();
        ask(&[
            "run",
            "-i",
            "--name",
            "measured",
            "--",
            &minimal_path,
            "wait",
        ])?;
        let shown = ask(&["show", "--json", "measured"])?.stdout;
        let shown: serde_json::Value = serde_json::from_slice(&shown)?;
        let keeper = shown["keeper"]["pid"].as_u64();
        let keeper = keeper.ok_or_else(|| io::Error::other("its keeper is not there"))?;
        let ours = memory(keeper as u32)?;
        ask(&["stop", "measured"])?;
        tell("keeper's memory", ours, self::memory(waiting.0.id())?);
        Ok(())
    }

    fn tell(what: &str, ours: f64, theirs: f64) {
        println!(
            "{what:<16} {:.2} x a program that does nothing",
            ours / theirs
        );
    }

    fn time(command: &mut Command) -> io::Result<Duration> {
        let start = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        match output.status.success() {
            true => Ok(start.elapsed()),
            false => Err(io::Error::other(format!("{command:?}: {}", output.status))),
        }
    }

    fn median(mut all: Vec<Duration>) -> f64 {
        all.sort();
        all[all.len() / 2].as_secs_f64()
    }

    /// A program that waits, and is ended with this.
    struct Waiting(Child);

    impl Waiting {
        fn start(program: &Path) -> io::Result<Waiting> {
            let mut command = Command::new(program);
            command
                .arg("wait")
                .stdin(Stdio::piped())
                .spawn()
                .map(Waiting)
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            // Its standard input ends, and so does it.
            drop(self.0.stdin.take());
            let _ = self.0.wait();
        }
    }

    /// What a process has committed, in bytes.
    fn memory(pid: u32) -> io::Result<f64> {
        use std::os::windows::io::{FromRawHandle, OwnedHandle};
        let rights = PROCESS_QUERY_INFORMATION | PROCESS_VM_READ;
        // SAFETY: takes numbers.
        let process = unsafe { OpenProcess(rights, 0, pid) };
        if process.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: opened just now, for us.
        let process = unsafe { OwnedHandle::from_raw_handle(process) };
        let mut counters = PROCESS_MEMORY_COUNTERS::default();
        let size = size_of::<PROCESS_MEMORY_COUNTERS>() as u32;
        // SAFETY: a structure with its size.
        let told = unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), &mut counters, size) };
        match told {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(counters.PagefileUsage as f64),
        }
    }
}
