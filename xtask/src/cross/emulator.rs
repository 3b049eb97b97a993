//! A machine with another kind of processor: QEMU, Debian's kernel for it, and busybox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{debian, need};
use crate::error::{Context, Error, Result};

/// Debian's names for the processor's kind, and what makes a machine of it.
const ARCHITECTURE: &str = "arm64";
const EMULATOR: (&str, &str) = ("qemu-system-aarch64", "qemu-system-arm");
const PACKAGES: &[&str] = &["linux-image-cloud-arm64", "busybox-static"];

/// How long the machine may run. It boots in seconds.
const SECONDS: &str = "180";

/// What the kernel starts: a shell with the usual folders, then the script, then nothing.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
sh /script
poweroff -f
";

/// What it boots from.
pub(crate) struct Emulator {
    folder: PathBuf,
}

impl Emulator {
    pub(crate) fn prepare(downloads: &Path) -> Result<Self> {
        need(&[EMULATOR])?;
        let folder = downloads.join(format!("machine-{ARCHITECTURE}"));
        if folder.is_dir() {
            return Ok(Self { folder });
        }
        eprintln!("fetching Debian's kernel for {ARCHITECTURE}");
        let failed = || format!("failed to make `{}`", folder.display());
        let half = folder.with_extension("new");
        for package in debian::download_foreign(ARCHITECTURE, PACKAGES, downloads)? {
            let is_kernel = package
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("linux-image-"));
            let part = if is_kernel {
                "./boot/vmlinuz-*"
            } else {
                "./bin/busybox"
            };
            debian::unpack(&package, part, 2, &half)?;
        }
        let files = fs::read_dir(&half).context(failed)?;
        for file in files {
            let path = file.context(failed)?.path();
            if path.file_name().is_some_and(|name| name != "busybox") {
                fs::rename(&path, half.join("kernel")).context(failed)?;
            }
        }
        fs::rename(&half, &folder).context(failed)?;
        Ok(Self { folder })
    }

    /// Boots, runs `script` with `program` in PATH under `name`, and powers off; what was printed.
    pub(crate) fn run(&self, name: &str, program: &Path, script: &str) -> Result<String> {
        let failed = |path: &Path| format!("failed to read `{}`", path.display());
        let busybox = self.folder.join("busybox");
        let busybox = fs::read(&busybox).context(|| failed(&busybox))?;
        let program = fs::read(program).context(|| failed(program))?;
        let mut archive = Archive::new();
        for folder in ["bin", "proc", "sys", "dev", "tmp"] {
            archive.folder(folder);
        }
        archive.file("bin/busybox", &busybox);
        archive.file(&format!("bin/{name}"), &program);
        archive.file("script", script.as_bytes());
        archive.file("init", INIT.as_bytes());
        let path = self.folder.join("initramfs");
        fs::write(&path, archive.finish())
            .context(|| format!("failed to write `{}`", path.display()))?;
        let said = Command::new("timeout")
            .args([
                SECONDS, EMULATOR.0, "-machine", "virt", "-cpu", "max", "-m", "512",
            ])
            .args(["-nographic", "-no-reboot", "-nic", "none"])
            .args(["-append", "console=ttyAMA0 quiet panic=-1"])
            .arg("-kernel")
            .arg(self.folder.join("kernel"))
            .arg("-initrd")
            .arg(&path)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context(|| format!("failed to start `{}`", EMULATOR.0))?;
        let printed = String::from_utf8_lossy(&said.stdout).replace('\r', "");
        if said.status.success() {
            Ok(printed)
        } else {
            let status = said.status;
            Err(Error::new(format!(
                "`{}`: {status}:\n{printed}",
                EMULATOR.0
            )))
        }
    }
}

/// A root folder as the kernel takes it (Documentation/driver-api/early-userspace/buffer-format).
struct Archive(Vec<u8>);

impl Archive {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn folder(&mut self, name: &str) {
        self.entry(name, 0o040_755, &[]);
    }

    fn file(&mut self, name: &str, contents: &[u8]) {
        self.entry(name, 0o100_755, contents);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.0
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        // Inode, mode, user, group, links, time, size, four of devices, length of the name, check.
        let mut fields = [0; 13];
        fields[1] = mode as usize;
        fields[4] = 1;
        fields[6] = contents.len();
        fields[11] = name.len() + 1;
        self.0.extend(b"070701");
        for field in fields {
            self.0.extend(format!("{field:08x}").bytes());
        }
        self.0.extend(name.bytes());
        self.0.push(0);
        self.pad();
        self.0.extend(contents);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_laid_out_as_the_kernel_reads_it() {
        let mut archive = Archive::new();
        archive.folder("tmp");
        archive.file("a", b"xyz");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let headers: Vec<_> = text.match_indices("070701").map(|(at, _)| at).collect();
        // 110 bytes of header and a name with its zero, padded to four; then the contents, padded.
        assert_eq!(headers, [0, 116, 116 + 112 + 4]);
        assert_eq!(&text[14..22], "000041ed");
        assert_eq!(&text[116 + 54..116 + 62], "00000003");
        assert!(bytes.len().is_multiple_of(4));
    }
}
