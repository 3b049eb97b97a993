//! What a job's terminal shows: made from what it has printed, when somebody sits down at it. Nobody
//! holds a screen meanwhile.

use outlive::{Attached, Modes, Size};
use std::io;
use std::num::NonZeroU16;

/// The last part of the output, from which the screen is made: as much as fills it many times over,
/// and is read in a hundredth of a second.
const TAIL: u64 = 1 << 20;

/// How much is read at once.
pub(crate) const PIECE: usize = 64 << 10;

/// A screen.
pub(crate) struct Screen {
    parser: vt100::Parser,
    /// How much of the output was not looked at for it.
    left_out: u64,
}

impl Screen {
    /// The screen after all that has been printed up to now, from where `terminal` stands; `modes` are
    /// those that are set there, and afterwards here.
    pub(crate) fn read(terminal: &mut Attached, modes: &mut Modes) -> io::Result<Screen> {
        // The end of now: a job that prints faster than we read is not waited for.
        let mut left = terminal.behind()?;
        let left_out = left.saturating_sub(TAIL);
        let skipped = terminal.skipped();
        let size = terminal.size().map_err(io::Error::other)?;
        let mut parser = None;
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            if left <= TAIL && parser.is_none() {
                parser = Some(begin(size, modes));
            }
            let most = left.min(PIECE as u64) as usize;
            let before = terminal.skipped();
            let length = match terminal.try_read(&mut buffer[..most])? {
                Some(length) if length > 0 => length,
                _ => break,
            };
            let passed = length as u64 + (terminal.skipped() - before);
            left = left.saturating_sub(passed);
            modes.follow(&buffer[..length]);
            if let Some(parser) = &mut parser {
                parser.process(&buffer[..length]);
            }
        }
        let given_back = terminal.skipped() - skipped;
        Ok(Screen {
            parser: parser.unwrap_or_else(|| begin(size, modes)),
            left_out: left_out + given_back,
        })
    }

    /// Whether all that was printed has gone into it.
    pub(crate) fn is_whole(&self) -> bool {
        self.left_out == 0
    }

    /// Whether nothing has been printed on it.
    pub(crate) fn is_blank(&self) -> bool {
        let screen = self.parser.screen();
        screen.cursor_position() == (0, 0) && screen.contents().is_empty()
    }

    /// What draws it on a terminal of this size.
    pub(crate) fn draw(&mut self, size: Size) -> Vec<u8> {
        let (rows, columns) = cells(size);
        self.parser.screen_mut().set_size(rows, columns);
        self.parser.screen().contents_formatted().into_bytes()
    }
}

/// The largest screen that is drawn: a job says of its terminal what it likes, up to 65535x65535, and
/// each cell takes memory.
const MOST_ROWS: u16 = 512;
const MOST_COLUMNS: u16 = 1024;

/// Terminals have at least one cell.
fn cells(size: Size) -> (NonZeroU16, NonZeroU16) {
    let least = |count| NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN);
    (
        least(size.rows.min(MOST_ROWS)),
        least(size.columns.min(MOST_COLUMNS)),
    )
}

fn begin(size: Size, modes: &Modes) -> vt100::Parser {
    let (rows, columns) = cells(size);
    let mut parser = vt100::Parser::new(rows, columns, 0);
    parser.process(&modes.set());
    parser
}
