//! Who a process is.

/// A process by what the kernel says of it in one line (`/proc/PID/stat`, see proc_pid_stat(5)):
/// a pid alone may have been given to somebody else, a pid with its start time has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessLine {
    /// The process id.
    pub pid: i32,
    /// Its state: `R`, `S`, `Z` (ended, not yet reaped), …
    pub state: u8,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Its controlling terminal's device number, 0 if it has none.
    pub terminal: i32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
}

impl ProcessLine {
    /// The process that `line` speaks of; `None` if it is no such line.
    ///
    /// The program's name stands in parentheses and may itself contain parentheses, spaces and
    /// newlines: what counts is the last closing one.
    pub fn parse(line: &[u8]) -> Option<ProcessLine> {
        let open = line.iter().position(|&b| b == b'(')?;
        let close = line.iter().rposition(|&b| b == b')')?;
        let pid = number(line.get(..open)?.trim_ascii())?;
        let mut fields = line
            .get(close + 1..)?
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty());
        let state = *fields.next()?.first()?;
        let parent = number(fields.next()?)?;
        let group = number(fields.next()?)?;
        let session = number(fields.next()?)?;
        let terminal = number(fields.next()?)?;
        // starttime is field 22, and the terminal was field 7.
        let start_time = number(fields.nth(22 - 7 - 1)?)?;
        Some(ProcessLine {
            pid,
            state,
            parent,
            group,
            session,
            terminal,
            start_time,
        })
    }

    /// Whether it has ended and only waits to be reaped.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: &str = "S 1 42 43 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 2000";

    #[test]
    fn hostile_program_names_do_not_confuse_it() {
        for name in ["sh", "a b", ") R 9 (", "x\ny", "(((", ""] {
            let line = format!("17 ({name}) {REST}\n");
            let process = ProcessLine::parse(line.as_bytes()).expect(&line);
            assert_eq!(
                (process.pid, process.parent, process.group, process.session),
                (17, 1, 42, 43)
            );
            assert_eq!(
                (process.terminal, process.start_time, process.state),
                (0, 987_654, b'S')
            );
        }
    }

    #[test]
    fn what_is_cut_short_is_no_process() {
        let whole = format!("17 (sh) {REST}");
        let enough = whole.find(" 1000").unwrap();
        assert!(ProcessLine::parse(&whole.as_bytes()[..enough]).is_some());
        for end in 0..enough - 6 {
            assert_eq!(ProcessLine::parse(&whole.as_bytes()[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>) {
            let _ = ProcessLine::parse(&bytes);
        }
    }
}
