//! A job's own terminal.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The size of a terminal, in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// How many are side by side.
    pub columns: u16,
    /// How many lines there are.
    pub rows: u16,
}

/// That of a DEC VT100, which programs assume where nobody tells them of another.
impl Default for Size {
    fn default() -> Size {
        Size {
            columns: 80,
            rows: 24,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

/// As it is written: `80x24`, columns first.
impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let parsed = text.split_once(['x', 'X']).and_then(|(columns, rows)| {
            Some(Size {
                columns: columns.parse().ok()?,
                rows: rows.parse().ok()?,
            })
        });
        match parsed {
            Some(size) if size.columns > 0 && size.rows > 0 => Ok(size),
            _ => {
                Err("a size is written as columns and rows, from 1x1 to 65535x65535: 80x24".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn a_size_is_read_as_it_is_written() {
        let size = Size {
            columns: 132,
            rows: 43,
        };
        assert_eq!(size.to_string().parse(), Ok(size));
        assert_eq!("80x24".parse(), Ok(Size::default()));
        for wrong in [
            "", "80", "80x", "x24", "0x24", "80x0", "70000x1", "-1x5", "8x2x4",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
