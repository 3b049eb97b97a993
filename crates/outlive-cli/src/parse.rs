//! Values of options, as people write them.

use jiff::{Span, SpanRelativeTo, Timestamp};
use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

/// A duration: `10s`, `1h30m`, `7d`, and like `sleep` and `timeout` a bare number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write it like 10s, 5m, 1h30m or 7d";
    const NEGATIVE: &str = "it can't be negative";
    const LONG: &str = "that is longer than all times";
    let duration = match text.parse::<f64>() {
        Ok(seconds) if !seconds.is_finite() => Err(FORM),
        Ok(seconds) if seconds < 0.0 => Err(NEGATIVE),
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| LONG),
        Err(_) => match text.parse::<Span>() {
            Ok(span) => span
                .to_duration(SpanRelativeTo::days_are_24_hours())
                .map_err(|_| "the longest unit is the week")
                .and_then(|it| Duration::try_from(it).map_err(|_| NEGATIVE)),
            Err(error) => Err(if error.is_range() { LONG } else { FORM }),
        },
    };
    duration.map_err(str::to_owned)
}

/// A moment: RFC 3339, or a duration like those above for as long ago.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let ago = duration(text)
        .map_err(|why| format!("{why}; a moment is written like 2026-11-22T10:05:00Z"))?;
    let moment = Timestamp::now().checked_sub(ago);
    moment.map_err(|_| "that is before all times".to_owned())
}

/// A size in bytes: `64MiB`, `500MB`, `2G`, `1048576`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<bytesize::ByteSize>();
    let size = size.map_err(|_| "write it like 64MiB, 500MB or 2GiB".to_owned())?;
    // Of a file's length the kernel keeps 63 bits (off_t).
    match i64::try_from(size.as_u64()) {
        Ok(size) => Ok(size.unsigned_abs()),
        Err(_) => Err("it must be less than 8EiB".to_owned()),
    }
}

/// A size of memory, in which as for systemd and docker K, M, G and T are powers of 1024.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let short = text.ends_with(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']);
    match short {
        true => size(&format!("{text}iB")),
        false => size(text),
    }
}

/// A number of processors, in thousandths.
pub(crate) fn thousandths(text: &str) -> Result<u32, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "write a number like 2 or 0.5".to_owned())?;
    let thousandths = (number * 1000.0).round();
    match thousandths >= 1.0 && thousandths <= f64::from(u32::MAX) {
        true => Ok(thousandths as u32),
        false => Err("it must be from 0.01 to 4294967".to_owned()),
    }
}

/// A whole number; `which` says those that there are.
pub(crate) fn whole<T: FromStr>(
    which: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse();
        number.map_err(|_| format!("write a whole number {which}"))
    }
}

/// A file mode creation mask in octal.
pub(crate) fn umask(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 && !text.starts_with('+') => Ok(mask),
        _ => Err("write it in octal, from 0 to 777".to_owned()),
    }
}

/// A signal, by name or number.
pub(crate) fn signal(text: &str) -> Result<i32, String> {
    outlive_os::signal::parse(text)
        .ok_or_else(|| "write a name like TERM or SIGTERM, or a number from 1 to 64".to_owned())
}

/// A variable for the job: its name, and its value unless that is to be taken from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: OsString,
    pub(crate) value: Option<OsString>,
}

/// `NAME=VALUE`, or `NAME` alone for the value that it has here.
pub(crate) fn variable(text: OsString) -> Result<Variable, String> {
    let bytes = outlive_os::bytes(&text);
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    if name.is_empty() {
        return Err("the name is missing: write NAME=VALUE".to_owned());
    }
    let own = |bytes: &[u8]| outlive_os::os_string(bytes.to_vec());
    Ok(Variable {
        name: own(name),
        value: value.map(own),
    })
}

/// The name of a variable whose value must not be written down.
pub(crate) fn secret(text: OsString) -> Result<OsString, String> {
    if text.is_empty() {
        Err("the name is missing".to_owned())
    } else if text.as_encoded_bytes().contains(&b'=') {
        // Said in full here, as the value is already on show.
        Err("give its name alone: a value on the command line can be seen by everybody".to_owned())
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("250ms", 250),
            ("0", 0),
            ("0s", 0),
            ("5", 5_000),
            ("1.5", 1_500),
            ("PT1M", 60_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for wrong in [
            "",
            "x",
            "-1",
            "-5s",
            "5s ago",
            "1mo",
            "1y",
            "inf",
            "nan",
            "10 parsecs",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments() {
        for (text, expected) in [
            ("2026-11-22T10:05:00Z", 1_795_341_900),
            ("2026-11-22T11:05:00+01:00", 1_795_341_900),
            ("1970-01-01 00:00:00Z", 0),
        ] {
            let moment = moment(text).map(Timestamp::as_second);
            assert_eq!(moment, Ok(expected), "{text}");
        }
        for (text, seconds) in [("10m", 600), ("0", 0)] {
            let ago = || Timestamp::now() - Duration::from_secs(seconds);
            let (earliest, moment) = (ago(), moment(text).unwrap());
            assert!((earliest..=ago()).contains(&moment), "{text}");
        }
        for wrong in ["", "x", "-1", "tomorrow", "2026-11-22", "99999999999999"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("1.5kib", 1536),
            ("2G", 2_000_000_000),
            ("500MB", 500_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "-1", "MiB", "1 parsec", "1e3"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_is_counted_by_1024() {
        for (text, bytes) in [
            ("2G", 2 << 30),
            ("1.5g", 3 << 29),
            ("500M", 500 << 20),
            ("64k", 64 << 10),
            ("2GB", 2_000_000_000),
            ("2GiB", 2 << 30),
            ("4096", 4096),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        assert!(memory("much").is_err() && memory("-1G").is_err() && memory("").is_err());
    }

    #[test]
    fn processors() {
        assert_eq!((thousandths("1.5"), thousandths("2")), (Ok(1500), Ok(2000)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e30", "two"] {
            assert!(thousandths(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn masks() {
        assert_eq!(
            (umask("022"), umask("0"), umask("777")),
            (Ok(0o22), Ok(0), Ok(0o777))
        );
        for wrong in ["", "8", "1000", "-1", "+22", "0o22"] {
            assert!(umask(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables() {
        let read = |text: &str| variable(text.into());
        let is = |name: &str, value: Option<&str>| {
            Ok(Variable {
                name: name.into(),
                value: value.map(Into::into),
            })
        };
        assert_eq!(read("A=b=c"), is("A", Some("b=c")));
        assert_eq!(read("A="), is("A", Some("")));
        assert_eq!(read("A"), is("A", None));
        assert!(read("=x").is_err() && read("").is_err());
        assert_eq!(secret("TOKEN".into()), Ok("TOKEN".into()));
        assert!(secret("TOKEN=x".into()).is_err() && secret("".into()).is_err());
    }
}
