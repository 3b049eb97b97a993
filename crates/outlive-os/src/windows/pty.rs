//! A terminal of a job's own: a pseudoconsole (ConPTY, Windows 10 1809), which a process of the
//! system's (conhost.exe) draws in escape sequences of UTF-8.

use super::events::{self, Inflow};
use super::greeting::Greeting;
use super::{Borrowed, Descriptor, call};
use outlive_record::Size;
use std::fs::File;
use std::io::{self, Write};
use std::mem::transmute;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use windows_sys::Wdk::Storage::FileSystem::{
    FILE_PIPE_CONNECTED_STATE, FILE_PIPE_LOCAL_INFORMATION, FilePipeLocalInformation,
    NtQueryInformationFile,
};
use windows_sys::Win32::Foundation::{E_NOTIMPL, HANDLE};
use windows_sys::Win32::System::Console::{COORD, HPCON};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::core::{HRESULT, s, w};

/// The control key for the end of the input, and the return key: a console's end of file is a line
/// that begins with the former (ReadFile of a console in ENABLE_PROCESSED_INPUT, C runtimes).
const END: &[u8] = b"\x1a\r";

/// Whose errors have the number of an error of the API's own (winerror.h).
const FACILITY_WIN32: u32 = 7;

/// What a thread that waits for one call needs.
const STACK: usize = 64 << 10;

/// A pseudoconsole, as the one who gives it to a job holds it.
#[derive(Debug)]
pub struct Pty {
    /// None once it has been finished.
    console: Mutex<Option<Console>>,
    input: OwnedHandle,
}

impl Pty {
    /// A new terminal of this size, and what is printed on it. An error of kind `Unsupported` before
    /// Windows 10 1809, of kind `InvalidInput` if a side is longer than 32767.
    pub fn open(size: Size) -> io::Result<(Pty, Inflow)> {
        let functions = Functions::load()?;
        let size = coordinates(size)?;
        let (typed, input) = events::pipe()?;
        let (output, drawn) = events::inflow()?;
        let (from, to) = (typed.as_raw_handle(), drawn.as_raw_handle());
        let mut handle = 0;
        // SAFETY: pipes that are open, of which it makes copies; the handle is written if it succeeds.
        succeeded(unsafe { (functions.create)(size, from, to, 0, &raw mut handle) })?;
        let console = Mutex::new(Some(Console { functions, handle }));
        let output = output.greeted(Greeting::new(input.try_clone()?));
        Ok((Pty { console, input }, output))
    }

    /// An error of kind `Unsupported`: a pseudoconsole ends with the process that has made it.
    pub fn of_master(_master: Descriptor) -> io::Result<(Pty, Inflow)> {
        let why = "a pseudoconsole ends with the process that has made it";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    /// Where what is typed is written to, in UTF-8.
    pub fn input(&self) -> io::Result<Descriptor> {
        self.input.try_clone()
    }

    /// Gives it another size. Programs on it are told, if it is another one
    /// (WINDOW_BUFFER_SIZE_EVENT).
    pub fn resize(&self, size: Size) -> io::Result<()> {
        let size = coordinates(size)?;
        let console = self.lock();
        let console = console.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        // SAFETY: a pseudoconsole that is open, since it is closed when this is dropped.
        succeeded(unsafe { (console.functions.resize)(console.handle, size) })
    }

    /// 0: nothing tells of a process at which console it is.
    pub fn number(&self) -> io::Result<i32> {
        Ok(0)
    }

    /// Types the keys that mean the end of the input, Ctrl-Z and Enter, to whoever reads by lines.
    pub fn type_end(&self) -> io::Result<()> {
        File::from(self.input.try_clone()?).write_all(END)
    }

    /// Nobody is to print on it any more. Its output comes to an end after that, with what was printed
    /// last: it is drawn some time after it was printed. Whoever is still on it hears that it goes
    /// (CTRL_CLOSE_EVENT), and is ended by the system some seconds later.
    pub fn finish(&self) -> bool {
        drop(self.lock().take());
        true
    }

    /// What a process is attached to.
    pub(super) fn console(&self) -> io::Result<Attachable<'_>> {
        let console = self.lock();
        match *console {
            Some(_) => Ok(Attachable(console)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Console>> {
        // Nothing in here is left half done by a panic.
        self.console.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pseudoconsole that stays open while a process is attached to it.
pub(super) struct Attachable<'a>(MutexGuard<'a, Option<Console>>);

impl Attachable<'_> {
    pub(super) fn raw(&self) -> HPCON {
        self.0.as_ref().map_or(0, |console| console.handle)
    }
}

/// What is closed when it goes.
#[derive(Debug)]
struct Console {
    functions: Functions,
    handle: HPCON,
}

impl Drop for Console {
    fn drop(&mut self) {
        let (close, handle) = (self.functions.close, self.handle);
        // Before Windows 11 24H2 that waits until all is read that was printed, which may be for this
        // very thread to do (ClosePseudoConsole). Without a thread it goes with this process.
        // SAFETY: the pseudoconsole is nobody else's, and nobody gets to it after this.
        let close = move || unsafe { close(handle) };
        let _ = thread::Builder::new().stack_size(STACK).spawn(close);
    }
}

/// What GetProcAddress gives.
type Function = unsafe extern "system" fn() -> isize;
type Create = unsafe extern "system" fn(COORD, HANDLE, HANDLE, u32, *mut HPCON) -> HRESULT;
type Resize = unsafe extern "system" fn(HPCON, COORD) -> HRESULT;
type Close = unsafe extern "system" fn(HPCON);

/// The functions, which are not in every Windows: linked to, they would keep all of the program from
/// being loaded there.
#[derive(Debug, Clone, Copy)]
struct Functions {
    create: Create,
    resize: Resize,
    close: Close,
}

impl Functions {
    fn load() -> io::Result<Functions> {
        let why = "Windows has terminals for that (ConPTY) since Windows 10 1809";
        let missing = || io::Error::new(io::ErrorKind::Unsupported, why);
        // SAFETY: constant names; the library is in every process, and what has these names has these
        // forms (consoleapi.h).
        let functions = unsafe {
            let library = GetModuleHandleW(w!("kernel32.dll"));
            let function = |name| GetProcAddress(library, name).ok_or_else(missing);
            Functions {
                create: transmute::<Function, Create>(function(s!("CreatePseudoConsole"))?),
                resize: transmute::<Function, Resize>(function(s!("ResizePseudoConsole"))?),
                close: transmute::<Function, Close>(function(s!("ClosePseudoConsole"))?),
            }
        };
        Ok(functions)
    }
}

fn coordinates(size: Size) -> io::Result<COORD> {
    let side = |length: u16| {
        let why = "a console's sides have at most 32767 cells";
        i16::try_from(length).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, why))
    };
    Ok(COORD {
        X: side(size.columns)?,
        Y: side(size.rows)?,
    })
}

/// What a call came to that answers with an HRESULT.
fn succeeded(result: HRESULT) -> io::Result<()> {
    let bits = result.cast_unsigned();
    match result {
        0.. => Ok(()),
        E_NOTIMPL => Err(io::ErrorKind::Unsupported.into()),
        // In the lower half (HRESULT_FROM_WIN32).
        _ if bits >> 16 & 0x1FFF == FACILITY_WIN32 => Err(call::error(bits & 0xFFFF)),
        _ => Err(io::Error::other(format!("HRESULT {bits:#010X}"))),
    }
}

/// How long one who is attached may at most be without news of what is printed: those of the file that
/// it is kept in come late ([`growth::LATE`](super::growth::LATE)), later than a person waits for an
/// echo. It is drawn about as often.
pub const LATE: Option<Duration> = Some(Duration::from_millis(20));

/// An error of kind `Unsupported`: what is typed is all that goes through the one handle that another
/// process can be lent, and [`Pty::resize`] is for whoever has made it.
pub fn size(_terminal: Borrowed<'_>) -> io::Result<Size> {
    Err(io::ErrorKind::Unsupported.into())
}

/// An error of kind `Unsupported`, as of [`size`].
pub fn set_size(_terminal: Borrowed<'_>, _size: Size) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether what is typed is read by nobody, by where it is written to.
pub fn is_hung_up(input: Borrowed<'_>) -> io::Result<bool> {
    let mut pipe = FILE_PIPE_LOCAL_INFORMATION::default();
    let mut status = IO_STATUS_BLOCK::default();
    let (at, size) = ((&raw mut pipe).cast(), size_of_val(&pipe) as u32);
    let (handle, what) = (input.as_raw_handle(), FilePipeLocalInformation);
    // SAFETY: a handle on loan, and structures of ours that are written.
    call::check_status(unsafe { NtQueryInformationFile(handle, &raw mut status, at, size, what) })?;
    Ok(pipe.NamedPipeState != FILE_PIPE_CONNECTED_STATE)
}
