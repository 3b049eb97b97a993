//! Wine, with a Windows of its own: nothing of it is in the home folder, no window is opened, and
//! its server ends with the tests.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::need;
use super::scratch::Scratch;
use crate::error::{Context, Error, Result};
use crate::workspace::{find_program, output};

/// Debian's are not in PATH.
const LOADERS: &[&str] = &["/usr/lib/wine/wine64", "wine64", "wine"];
const SERVERS: &[&str] = &[
    "/usr/lib/wine/wineserver64",
    "/usr/lib/wine/wineserver",
    "wineserver",
];

/// Starts a program whose addresses are not random, nor those of what it starts (setarch(8),
/// personality(2)).
///
/// Each process of Wine needs the page at 0x7ffe0000, where Windows has KUSER_SHARED_DATA
/// (`virtual_alloc_first_teb`, dlls/ntdll/unix/virtual.c). Wine 8's loader is at 0x7d000000, and Linux
/// puts its heap of 132 KiB anywhere in the GiB after it. Where the heap covers the page, the process
/// ends before it has begun: the start fails with ERROR_INTERNAL_ERROR (1359), or a test with nothing
/// said. So did 3 of 18 000 starts, and none of 36 000 with fixed addresses. Wine's preloader keeps the
/// page free, but is a package of its own, which Debian does not install with Wine.
const FIXED_ADDRESSES: [&str; 2] = ["setarch", "-R"];

/// What Rust's std imports, and Wine 8 lacks: without it each program ends with 53, in silence.
const RANDOM_DLL: &str = "bcryptprimitives.dll";
const RANDOM: &str = r"
#include <windows.h>

/* RtlGenRandom, by the name that advapi32 exports. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    const SIZE_T most = 1 << 20;
    while (length > 0) {
        ULONG part = (ULONG)(length < most ? length : most);
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
";

pub(crate) struct Wine {
    /// What starts a program in it.
    loader: Vec<OsString>,
    server: PathBuf,
    prefix: PathBuf,
    scratch: Scratch,
    version: String,
}

impl Wine {
    /// Installs it if it is missing, and makes its Windows; `compiler` is C's for Windows.
    pub(crate) fn prepare(folder: &Path, compiler: &str) -> Result<Self> {
        if find(LOADERS).is_none() || find(SERVERS).is_none() {
            need(&[(LOADERS[0], "wine64")])?;
        }
        let (Some(loader), Some(server)) = (find(LOADERS), find(SERVERS)) else {
            return Err(Error::lacking("missing: wine64, or its server"));
        };
        let said = output(Command::new(&loader).arg("--version"))?;
        // `wine-8.0 (Debian 8.0~repack-4)`
        let version = said.split_whitespace().next().unwrap_or("wine");
        let prefix = folder.join(format!("prefix-{version}"));
        let mut wine = Self {
            loader: fixed_addresses()?
                .into_iter()
                .chain([loader.into()])
                .collect(),
            server,
            prefix: prefix.with_extension("new"),
            scratch: Scratch::prepare(folder)?,
            version: version.replace("wine-", "Wine "),
        };
        if !prefix.is_dir() {
            eprintln!("making a Windows for {}", wine.version);
            wine.make_prefix(compiler, &prefix)?;
        }
        wine.prefix = prefix;
        wine.scratch.give_to(&wine.prefix.join("drive_c/users"))?;
        Ok(wine)
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What starts a program in it, by words with blanks between them.
    pub(crate) fn runner(&self) -> String {
        self.loader.join(OsStr::new(" ")).display().to_string()
    }

    /// What starts a program in it, whose words are yet to be added.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.loader[0]);
        command.args(&self.loader[1..]).envs(self.variables());
        command
    }

    /// Under another name until it is whole: a server knows its prefix by the inode.
    fn make_prefix(&self, compiler: &str, whole: &Path) -> Result<()> {
        let failed = || format!("failed to make `{}`", whole.display());
        match fs::remove_dir_all(&self.prefix) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(failed);
            }
            _ => {}
        }
        let server = Server::of(self);
        self.run(&["wineboot", "--init"])?;
        // Wine 8 says by itself that it is Windows 7.
        let version = ["/v", "Version", "/d", "win10", "/f"];
        self.run(&[&["reg", "add", r"HKCU\Software\Wine"], &version[..]].concat())?;
        drop(server);
        let library = self
            .prefix
            .join("drive_c/windows/system32")
            .join(RANDOM_DLL);
        if !library.is_file() {
            compile_library(compiler, RANDOM, &library)?;
        }
        fs::rename(&self.prefix, whole).context(failed)
    }

    /// What a program needs in its environment to run in this Windows.
    pub(crate) fn variables(&self) -> Vec<(String, OsString)> {
        let variable = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        vec![
            ("WINEPREFIX".to_owned(), self.prefix.clone().into()),
            ("TMPDIR".to_owned(), self.scratch.root.clone().into()),
            variable("WINEARCH", "win64"),
            variable("WINEDEBUG", "-all"),
            // Neither .NET nor a browser is offered for installation, nor anything put into menus.
            variable("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe="),
            variable("DISPLAY", ""),
        ]
    }

    /// Keeps a server and a desktop running: those that a test starts would hold that test's output
    /// open.
    pub(crate) fn start(&self) -> Result<Server<'_>> {
        let mut server = Server::of(self);
        // One that a killed run has left.
        server.end();
        self.scratch.empty()?;
        // It ends by itself a minute after the last program, should nobody end it.
        self.serve("-p60")?;
        self.run(&["cmd", "/c", "exit"])?;
        server.desktop = Some(self.hold_desktop()?);
        Ok(server)
    }

    /// A shell that has looked for its own windows, which starts the desktop's process, and now
    /// waits for its next line: the desktop ends with its last user.
    fn hold_desktop(&self) -> Result<Child> {
        let failed = || "failed to start a desktop".to_owned();
        let mut shell = self
            .command()
            .args(["cmd", "/q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context(failed)?;
        if let Some(input) = &mut shell.stdin {
            let lines = b"taskkill /im cmd.exe & echo it is there\r\n";
            input.write_all(lines).context(failed)?;
        }
        let said = shell.stdout.take().map(BufReader::new);
        for line in said.into_iter().flat_map(BufRead::lines) {
            if line.context(failed)?.ends_with("it is there") {
                return Ok(shell);
            }
        }
        Err(Error::new(format!("{}: its shell has ended", failed())))
    }

    fn serve(&self, what: &str) -> Result<()> {
        let mut server = Command::new(&self.server);
        self.quiet(server.arg(what).envs(self.variables()))
    }

    fn run(&self, words: &[&str]) -> Result<()> {
        self.quiet(self.command().args(words))
    }

    /// With nothing open that belongs to this process: the server's programs stay.
    fn quiet(&self, command: &mut Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context(|| format!("failed to start `{name}`"))?;
        if status.success() {
            return Ok(());
        }
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        Err(Error::new(format!(
            "`{name} {}`: {status}",
            words.join(" ")
        )))
    }
}

/// The server of one prefix, and all that runs in it; ended when this is dropped.
pub(crate) struct Server<'a> {
    wine: &'a Wine,
    desktop: Option<Child>,
}

impl<'a> Server<'a> {
    fn of(wine: &'a Wine) -> Self {
        let desktop = None;
        Self { wine, desktop }
    }

    fn end(&self) {
        // Fails where none runs any more; -w waits until it has written its registry.
        let _ = self.wine.serve("-k");
        let _ = self.wine.serve("-w");
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.end();
        if let Some(desktop) = &mut self.desktop {
            let _ = desktop.wait();
        }
        // Who comes next says what is wrong with it.
        let _ = self.wine.scratch.empty();
    }
}

/// What is put before a program so that its addresses are fixed. A container may forbid that (the
/// seccomp filter of Docker does).
fn fixed_addresses() -> Result<Vec<OsString>> {
    let [setarch, no_random] = FIXED_ADDRESSES;
    need(&[(setarch, "util-linux")])?;
    match output(Command::new(setarch).args([no_random, "true"])) {
        Ok(_) => Ok(FIXED_ADDRESSES.map(OsString::from).into()),
        Err(why) => {
            eprintln!("addresses stay random, and one start in some thousand will fail: {why}");
            Ok(Vec::new())
        }
    }
}

fn find(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| find_program(name))
}

fn compile_library(compiler: &str, source: &str, to: &Path) -> Result<()> {
    let failed = || format!("failed to compile `{}`", to.display());
    let mut compiling = Command::new(compiler)
        .args([
            "-O2",
            "-shared",
            "-x",
            "c",
            "-",
            "-x",
            "none",
            "-ladvapi32",
            "-o",
        ])
        .arg(to)
        .stdin(Stdio::piped())
        .spawn()
        .context(failed)?;
    if let Some(mut pipe) = compiling.stdin.take() {
        pipe.write_all(source.as_bytes()).context(failed)?;
    }
    let status = compiling.wait().context(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("{}: {status}", failed())))
}
