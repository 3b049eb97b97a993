//! Wine, with a Windows of its own: nothing of it is in the home folder, no window is opened, and
//! its server ends with the tests.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::need;
use crate::error::{Context, Error, Result};
use crate::workspace::{find_program, output};

/// Debian's are not in PATH.
const LOADERS: &[&str] = &["/usr/lib/wine/wine64", "wine64", "wine"];
const SERVERS: &[&str] = &[
    "/usr/lib/wine/wineserver64",
    "/usr/lib/wine/wineserver",
    "wineserver",
];

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
    loader: PathBuf,
    server: PathBuf,
    prefix: PathBuf,
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
        let wine = Self {
            loader,
            server,
            prefix: folder.join(format!("prefix-{version}")),
            version: version.replace("wine-", "Wine "),
        };
        if !wine.prefix.is_dir() {
            eprintln!("making a Windows for {}", wine.version);
            wine.make_prefix(compiler)?;
        }
        Ok(wine)
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn loader(&self) -> &Path {
        &self.loader
    }

    /// Under another name until it is whole: a server knows its prefix by the inode.
    fn make_prefix(&self, compiler: &str) -> Result<()> {
        let failed = || format!("failed to make `{}`", self.prefix.display());
        let half = Self {
            loader: self.loader.clone(),
            server: self.server.clone(),
            prefix: self.prefix.with_extension("new"),
            version: self.version.clone(),
        };
        match fs::remove_dir_all(&half.prefix) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(failed);
            }
            _ => {}
        }
        let server = Server::of(&half);
        half.run(&["wineboot", "--init"])?;
        // Wine 8 says by itself that it is Windows 7.
        let version = ["/v", "Version", "/d", "win10", "/f"];
        half.run(&[&["reg", "add", r"HKCU\Software\Wine"], &version[..]].concat())?;
        drop(server);
        let library = half
            .prefix
            .join("drive_c/windows/system32")
            .join(RANDOM_DLL);
        if !library.is_file() {
            compile_library(compiler, RANDOM, &library)?;
        }
        fs::rename(&half.prefix, &self.prefix).context(failed)
    }

    /// What a program needs in its environment to run in this Windows.
    pub(crate) fn variables(&self) -> Vec<(String, OsString)> {
        let variable = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        vec![
            ("WINEPREFIX".to_owned(), self.prefix.clone().into()),
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
        let mut shell = Command::new(&self.loader)
            .args(["cmd", "/q"])
            .envs(self.variables())
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
        self.quiet(Command::new(&self.server).arg(what))
    }

    fn run(&self, words: &[&str]) -> Result<()> {
        self.quiet(Command::new(&self.loader).args(words))
    }

    /// With nothing open that belongs to this process: the server's programs stay.
    fn quiet(&self, command: &mut Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let status = command
            .envs(self.variables())
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
