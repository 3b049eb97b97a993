//! The terminal that a person sits at: a console, which speaks in escape sequences (Windows 10 1511).

use super::call;
use outlive_record::Size;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use std::sync::{Mutex, PoisonError};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Globalization::CP_UTF8;
use windows_sys::Win32::System::Console::{
    CONSOLE_SCREEN_BUFFER_INFO, DISABLE_NEWLINE_AUTO_RETURN, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT,
    ENABLE_PROCESSED_INPUT, ENABLE_PROCESSED_OUTPUT, ENABLE_VIRTUAL_TERMINAL_INPUT,
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, ENABLE_WINDOW_INPUT, GetConsoleMode, GetConsoleOutputCP,
    GetConsoleScreenBufferInfo, GetNumberOfConsoleInputEvents, INPUT_RECORD, KEY_EVENT,
    ReadConsoleInputW, SetConsoleMode, SetConsoleOutputCP,
};

/// The Alt key (winuser.h).
const VK_MENU: u16 = 0x12;
/// The most bytes of UTF-8 that one unit of UTF-16 comes to.
const WIDEST: usize = 3;

/// The console that this process has as its standard input and output, in raw mode: every key arrives
/// at once and as a terminal sends it, and what is written is taken as by a terminal. As it was
/// before once this is dropped.
///
/// Of its keys some are none: that it has another size, for example, wakes whoever waits for a key.
#[derive(Debug)]
pub struct Raw {
    input: File,
    output: File,
    before: Before,
    /// The first half of a character whose other half has not come.
    half: Mutex<Option<u16>>,
}

/// How a console was before.
#[derive(Debug, Clone, Copy)]
struct Before {
    input: u32,
    output: u32,
    code_page: u32,
}

impl Before {
    fn restore(self, input: &File, output: &File) {
        // A console that is gone needs nothing.
        let _ = set_mode(input, self.input);
        let _ = set_mode(output, self.output);
        // SAFETY: takes a number.
        unsafe { SetConsoleOutputCP(self.code_page) };
    }
}

impl Raw {
    /// Takes the console. An error of kind `Unsupported` if standard input or output is none.
    pub fn take() -> io::Result<Raw> {
        let (input, output) = (io::stdin(), io::stdout());
        let none = |_| io::Error::from(io::ErrorKind::Unsupported);
        let before = Before {
            input: mode(input.as_raw_handle()).map_err(none)?,
            output: mode(output.as_raw_handle()).map_err(none)?,
            // SAFETY: takes nothing.
            code_page: unsafe { GetConsoleOutputCP() },
        };
        let taken = Raw {
            input: File::from(input.as_handle().try_clone_to_owned()?),
            output: File::from(output.as_handle().try_clone_to_owned()?),
            before,
            half: Mutex::new(None),
        };
        let cooked = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_PROCESSED_INPUT;
        let raw = ENABLE_VIRTUAL_TERMINAL_INPUT | ENABLE_WINDOW_INPUT;
        set_mode(&taken.input, before.input & !cooked | raw)?;
        let drawn = ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING;
        set_mode(
            &taken.output,
            before.output | drawn | DISABLE_NEWLINE_AUTO_RETURN,
        )?;
        // SAFETY: takes a number.
        call::check(unsafe { SetConsoleOutputCP(CP_UTF8) })?;
        Ok(taken)
    }

    /// What puts it back as it was before, for whoever ends without dropping this.
    pub fn restorer(&self) -> io::Result<impl Fn() + Send + Sync + 'static> {
        let (input, output) = (self.input.try_clone()?, self.output.try_clone()?);
        let before = self.before;
        Ok(move || before.restore(&input, &output))
    }

    /// Its size: that of its window.
    pub fn size(&self) -> io::Result<Size> {
        window(self.output.as_raw_handle())
    }
}

/// What was typed, in UTF-8: an error of kind `WouldBlock` if nothing was.
impl Read for &Raw {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        let input = self.input.as_raw_handle();
        // SAFETY: our own handle; the number is written.
        call::check(unsafe { GetNumberOfConsoleInputEvents(input, &raw mut count) })?;
        let room = bytes.len() / WIDEST;
        // The half that is held takes up room, too: what is read and finds none would be lost.
        let most = room.saturating_sub(1);
        let mut records = vec![INPUT_RECORD::default(); most.min(count as usize)];
        if records.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (at, length) = (records.as_mut_ptr(), records.len() as u32);
        // It does not wait, since there are some.
        // SAFETY: our own handle; an array of ours and its length.
        call::check(unsafe { ReadConsoleInputW(input, at, length, &raw mut count) })?;
        let mut half = self.half.lock().unwrap_or_else(PoisonError::into_inner);
        let units = records.iter().take(count as usize).flat_map(typed);
        let units: Vec<u16> = half.take().into_iter().chain(units).take(room).collect();
        let whole = match units.split_last() {
            Some((last @ 0xD800..=0xDBFF, whole)) => {
                *half = Some(*last);
                whole
            }
            _ => &units,
        };
        let text = String::from_utf16_lossy(whole);
        if text.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}

/// What an event of a console's types, as often as its key has repeated itself.
fn typed(event: &INPUT_RECORD) -> impl Iterator<Item = u16> + use<> {
    let unit = (u32::from(event.EventType) == KEY_EVENT).then(|| {
        // SAFETY: an event of this type has a key.
        let key = unsafe { event.Event.KeyEvent };
        // With a code that was typed as a number the character comes as Alt is let go.
        let comes = key.bKeyDown != 0 || key.wVirtualKeyCode == VK_MENU;
        // SAFETY: of the two forms the one that ReadConsoleInputW gives.
        let unit = unsafe { key.uChar.UnicodeChar };
        (comes && unit != 0).then_some((unit, key.wRepeatCount))
    });
    let (unit, times) = unit.flatten().unwrap_or_default();
    std::iter::repeat_n(unit, times.into())
}

impl Write for &Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.output).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsHandle for Raw {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.input.as_handle()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.before.restore(&self.input, &self.output);
    }
}

fn mode(console: HANDLE) -> io::Result<u32> {
    let mut mode = 0;
    // SAFETY: a standard handle, or none; the mode is written.
    call::check(unsafe { GetConsoleMode(console, &raw mut mode) })?;
    Ok(mode)
}

fn set_mode(console: &File, mode: u32) -> io::Result<()> {
    // SAFETY: a handle that is open.
    call::check(unsafe { SetConsoleMode(console.as_raw_handle(), mode) })
}

/// The size of a console's window, by a handle to its screen.
fn window(screen: HANDLE) -> io::Result<Size> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: a handle that is open, or none; the structure is written.
    call::check(unsafe { GetConsoleScreenBufferInfo(screen, &raw mut info) })?;
    // Both ends of it are in the window.
    let window = info.srWindow;
    let side = |first: i16, last: i16| u16::try_from(last - first + 1).unwrap_or(0);
    Ok(Size {
        columns: side(window.Left, window.Right),
        rows: side(window.Top, window.Bottom),
    })
}

/// The size of the console that this process prints to; none if that is none.
pub fn size() -> Option<Size> {
    window(io::stdout().as_raw_handle()).ok()
}
