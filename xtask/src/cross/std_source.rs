//! The source of std, of exactly the version that the compiler is: each std fits one compiler only.

use std::fs;
use std::path::{Path, PathBuf};

use super::sysroot::Compiler;
use super::{debian, is_debian};
use crate::error::{Context, Error, Result};

/// The folder `library` of the compiler's source; None if it is not to be had.
pub(super) fn of(compiler: &Compiler, downloads: &Path) -> Result<Option<PathBuf>> {
    let component = compiler.sysroot().join("lib/rustlib/src/rust/library");
    if component.is_dir() {
        return Ok(Some(component));
    }
    let version = compiler.version();
    let folder = downloads.join(format!("rust-src-{version}"));
    if !folder.is_dir() {
        // Asked once: where there is another compiler, there was no source of this one.
        if !is_debian() || other_compiler_of(compiler, downloads).is_dir() {
            return Ok(None);
        }
        let Some(package) = debian::download("rust-src", version, downloads)? else {
            return Ok(None);
        };
        unpack(&package, &folder)?;
    }
    Ok(Some(folder.join("library")))
}

/// Whole or not at all.
fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let half = folder.with_extension("new");
    debian::unpack(package, "./usr/src/rustc-*/library", 4, &half)?;
    fs::rename(&half, folder).context(|| format!("failed to make `{}`", folder.display()))
}

fn other_compiler_of(own: &Compiler, downloads: &Path) -> PathBuf {
    downloads.join(format!("rustc-web-for-{}", own.version()))
}

/// A compiler of Debian's together with its source, where there is no source of the machine's own:
/// the packages that Debian builds its browsers with are newer than the rest of a release.
pub(super) fn other_compiler(own: &Compiler, downloads: &Path) -> Result<(Compiler, PathBuf)> {
    let folder = other_compiler_of(own, downloads);
    if !folder.is_dir() {
        eprintln!("taking Debian's rustc-web in place of the compiler that is installed");
        let packages = ["rustc-web", "rust-web-src"];
        let files = debian::download_with_dependencies(&packages, &downloads.join("packages"))?;
        let half = folder.with_extension("new");
        for file in files {
            let is_source = file
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("rust-web-src_"));
            if is_source {
                unpack(&file, &half.join("src"))?;
            } else {
                debian::unpack(&file, "*", 0, &half.join("root"))?;
            }
        }
        fs::rename(&half, &folder).context(|| format!("failed to make `{}`", folder.display()))?;
    }
    let compiler = Compiler::unpacked(&folder.join("root"), &folder)?;
    let source = folder.join("src/library");
    if source.is_dir() {
        return Ok((compiler, source));
    }
    Err(Error::new(format!("`{}` is missing", source.display())))
}
