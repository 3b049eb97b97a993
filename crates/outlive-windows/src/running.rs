//! A command that runs beside the test.

use crate::{GUARD, Said};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc::channel;

/// A command with pipes for its output, which has not been waited for yet.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a command.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Running {
        let hint = "build it: cargo build -p outlive-cli --target x86_64-pc-windows-gnu";
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error} ({hint})"));
        let out = child.stdout.take().expect("it is a pipe");
        Running {
            child,
            out: BufReader::new(out),
        }
    }

    /// Waits for the next line of its standard output.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.out.read_line(&mut line).expect("a line of text") {
            0 => None,
            _ => Some(line.trim_end().to_owned()),
        }
    }

    /// Reads what it says until nobody holds its output any more, and waits for its end.
    #[track_caller]
    pub fn finish(self) -> Said {
        fn read(mut pipe: impl Read + Send + 'static) -> impl FnOnce() -> Option<Vec<u8>> {
            let (sender, receiver) = channel();
            std::thread::spawn(move || {
                let mut all = Vec::new();
                let _ = pipe.read_to_end(&mut all);
                let _ = sender.send(all);
            });
            move || receiver.recv_timeout(GUARD).ok()
        }
        let mut child = self.child;
        let out = read(self.out);
        let err = read(child.stderr.take().expect("it is a pipe"));
        let (Some(out), Some(err)) = (out(), err()) else {
            let ended = child.try_wait();
            let _ = child.kill();
            panic!("still no end of file after {GUARD:?}; its end: {ended:?}");
        };
        let status = child.wait().expect("a child can be waited for");
        let code = status.code().expect("Windows has no signals");
        Said {
            code: code.cast_unsigned(),
            out,
            err,
        }
    }
}
