//! What a job says of itself: a datagram of assignments, one a line (sd_notify(3)).

use std::time::Duration;

/// The longest notification that is read, in bytes, as for systemd (`NOTIFY_BUFFER_MAX`, PIPE_BUF).
pub const NOTIFICATION_LIMIT: usize = 4096;
/// How much of a status is kept, in bytes.
const STATUS_LIMIT: usize = 512;

/// A notification, as far as it is heeded. Of two assignments of one name the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notification {
    /// `READY=1`: it is ready, or has done its reloading.
    pub ready: bool,
    /// `RELOADING=1`: it loads its configuration again.
    pub reloading: bool,
    /// `STOPPING=1`: it is about to end.
    pub stopping: bool,
    /// `STATUS=`: what it does, for people; empty if it takes back what it said.
    pub status: Option<String>,
    /// `MAINPID=`: which of its processes is its main one.
    pub main_pid: Option<i32>,
    /// `WATCHDOG=`: that it lives, or that it does not work as it should.
    pub watchdog: Option<Watchdog>,
    /// `WATCHDOG_USEC=`: how often it has to say that it lives, from now on.
    pub watchdog_period: Option<Duration>,
    /// `EXTEND_TIMEOUT_USEC=`: how long it needs from now on for what it is at.
    pub extend_timeout: Option<Duration>,
}

/// What a job says to its watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watchdog {
    /// `1`: it lives.
    Alive,
    /// `trigger`: it is to be ended as if it had said nothing in time.
    Trigger,
}

impl Notification {
    /// The notification in a datagram. What is not understood is passed over: other names
    /// (`FDSTORE`, `BARRIER`, `X_…`), values that make no sense, lines that are not UTF-8.
    pub fn parse(datagram: &[u8]) -> Notification {
        let mut it = Notification::default();
        let lines = datagram.split(|byte| matches!(byte, b'\n' | 0));
        for line in lines.filter_map(|line| std::str::from_utf8(line).ok()) {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            let usec = || value.parse().ok().map(Duration::from_micros);
            match name {
                "READY" => it.ready |= value == "1",
                "RELOADING" => it.reloading |= value == "1",
                "STOPPING" => it.stopping |= value == "1",
                "STATUS" => it.status = it.status.or_else(|| Some(brief(value))),
                "MAINPID" => it.main_pid = it.main_pid.or_else(|| pid(value)),
                "WATCHDOG" => it.watchdog = it.watchdog.or_else(|| watchdog(value)),
                "WATCHDOG_USEC" => it.watchdog_period = it.watchdog_period.or_else(usec),
                "EXTEND_TIMEOUT_USEC" => it.extend_timeout = it.extend_timeout.or_else(usec),
                _ => {}
            }
        }
        it
    }
}

fn brief(status: &str) -> String {
    status[..status.floor_char_boundary(STATUS_LIMIT)].to_owned()
}

fn pid(value: &str) -> Option<i32> {
    value.parse().ok().filter(|pid| *pid > 0)
}

fn watchdog(value: &str) -> Option<Watchdog> {
    match value {
        "1" => Some(Watchdog::Alive),
        "trigger" => Some(Watchdog::Trigger),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_programs_send_is_understood() {
        let said = Notification::parse(b"READY=1\nSTATUS=serving 3 of 4\nMAINPID=77\nWATCHDOG=1");
        assert_eq!(
            said,
            Notification {
                ready: true,
                status: Some("serving 3 of 4".to_owned()),
                main_pid: Some(77),
                watchdog: Some(Watchdog::Alive),
                ..Notification::default()
            }
        );
        let said = Notification::parse(
            b"RELOADING=1\nMONOTONIC_USEC=5\nWATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=1\n",
        );
        assert_eq!(
            said,
            Notification {
                reloading: true,
                watchdog_period: Some(Duration::from_secs(20)),
                extend_timeout: Some(Duration::from_micros(1)),
                ..Notification::default()
            }
        );
        assert!(Notification::parse(b"STOPPING=1\nFDSTORE=1\nBARRIER=1").stopping);
        let trigger = Notification::parse(b"WATCHDOG=trigger").watchdog;
        assert_eq!(trigger, Some(Watchdog::Trigger));
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for said in [
            &b""[..],
            b"READY",
            b"READY=0",
            b"ready=1",
            b"READY=1 ",
            b"MAINPID=-1\nMAINPID=0\nMAINPID=99999999999",
            b"STATUS=\xff",
            b"WATCHDOG=yes\nWATCHDOG_USEC=-1\nEXTEND_TIMEOUT_USEC=1s",
        ] {
            let heard = Notification::parse(said);
            assert_eq!(heard, Notification::default(), "{said:?}");
        }
        let said = Notification::parse(b"STATUS=a\nSTATUS=b");
        assert_eq!(said.status.as_deref(), Some("a"));
    }

    proptest! {
        #[test]
        fn a_status_is_kept_short(status in "[^\n\0]*") {
            let said = Notification::parse(format!("STATUS={status}").as_bytes());
            let kept = said.status.unwrap_or_default();
            prop_assert!(kept.len() <= STATUS_LIMIT && status.starts_with(&kept));
        }

        #[test]
        fn anything_is_read_without_panic(bytes: Vec<u8>) {
            Notification::parse(&bytes);
        }
    }
}
