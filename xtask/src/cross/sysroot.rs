//! Std for a target, compiled once into a folder that the stable compiler takes with `--sysroot`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, is_debian, std_source};
use crate::error::{Context, Error, Result};
use crate::workspace::{cargo, output, run};

/// What std is built for: nothing, and everything that a test needs is built with it.
const MANIFEST: &str = r#"cargo-features = ["profile-rustflags"]
[package]
name = "wants-std"
version = "0.0.0"
edition = "2024"
[lib]
path = "lib.rs"
[workspace]
[profile.release]
debug = 0
[profile.release.package.panic_abort]
rustflags = ["-Cpanic=abort"]
"#;

/// A compiler, and where it keeps what it needs.
pub(super) struct Compiler {
    version: String,
    sysroot: PathBuf,
    /// Where its own programs are, if it is not the one that is installed.
    programs: Option<PathBuf>,
}

impl Compiler {
    fn own() -> Result<Self> {
        Self::asked(Path::new("rustc"), None)
    }

    /// One whose packages were unpacked to `root`; `folder` takes what starts it.
    pub(super) fn unpacked(root: &Path, folder: &Path) -> Result<Self> {
        let programs = folder.join("bin");
        let failed = || format!("failed to write below `{}`", programs.display());
        fs::create_dir_all(&programs).context(failed)?;
        for program in ["rustc", "rustdoc"] {
            let path = programs.join(program);
            let script = format!(
                "#!/bin/sh\nLD_LIBRARY_PATH='{root}'/usr/lib/$(uname -m)-linux-gnu \
                 exec '{root}/usr/bin/{program}' \"$@\"\n",
                root = root.display()
            );
            fs::write(&path, script).context(failed)?;
            run(Command::new("chmod").arg("+x").arg(&path))?;
        }
        Self::asked(&programs.join("rustc"), Some(programs.clone()))
    }

    fn asked(program: &Path, programs: Option<PathBuf>) -> Result<Self> {
        let said = output(Command::new(program).arg("-vV"))?;
        let version = said
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .ok_or_else(|| Error::new("failed to read the release from `rustc -vV`"))?;
        let sysroot = output(Command::new(program).args(["--print", "sysroot"]))?;
        Ok(Self {
            version: version.to_owned(),
            sysroot: PathBuf::from(sysroot.trim_end()),
            programs,
        })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// Whether it is the one that is installed.
    pub(super) fn is_own(&self) -> bool {
        self.programs.is_none()
    }

    /// What tells cargo to use it.
    pub(super) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let of = |programs: &PathBuf| {
            [("RUSTC", "rustc"), ("RUSTDOC", "rustdoc")]
                .map(|(name, program)| (name, programs.join(program)))
        };
        self.programs.iter().flat_map(of).collect()
    }
}

/// The compiler to use, and the sysroot where it finds std for `target`: None if in its own.
pub(super) fn with_std(place: &Place, target: &str) -> Result<(Compiler, Option<PathBuf>)> {
    let own = Compiler::own()?;
    if has_std(own.sysroot(), target) {
        return Ok((own, None));
    }
    let made = sysroot_of(place, &own);
    if has_std(&made, target) {
        return Ok((own, Some(made)));
    }
    let (compiler, source) = match std_source::of(&own, &place.downloads)? {
        Some(source) => (own, source),
        None if is_debian() => std_source::other_compiler(&own, &place.downloads)?,
        None => return Err(no_std(target)),
    };
    let made = sysroot_of(place, &compiler);
    if !has_std(&made, target) {
        build(place, &compiler, &source, &made, target)?;
    }
    Ok((compiler, Some(made)))
}

fn sysroot_of(place: &Place, compiler: &Compiler) -> PathBuf {
    place.folder.join(format!("std-{}", compiler.version))
}

fn libraries(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target).join("lib")
}

fn has_std(sysroot: &Path, target: &str) -> bool {
    fs::read_dir(libraries(sysroot, target))
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

fn no_std(target: &str) -> Error {
    Error::lacking(format!(
        "no std for {target}: `rustup target add {target}` brings it (only on Debian can it be made \
         of packages)"
    ))
}

/// Compiles std, and puts it in place when all of it is there.
fn build(
    place: &Place,
    compiler: &Compiler,
    source: &Path,
    sysroot: &Path,
    target: &str,
) -> Result<()> {
    eprintln!("compiling std {} for {target}", compiler.version);
    let scratch = place.folder.join("scratch");
    let failed = || format!("failed to make std in `{}`", sysroot.display());
    remove(&scratch).context(failed)?;
    fs::create_dir_all(&scratch).context(failed)?;
    fs::write(scratch.join("Cargo.toml"), MANIFEST).context(failed)?;
    fs::write(scratch.join("lib.rs"), "").context(failed)?;
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--release", "--target", target])
        .arg("-Zbuild-std=std,panic_unwind,panic_abort,proc_macro,test")
        .arg("-Zbuild-std-features=backtrace,panic-unwind")
        .arg("--target-dir")
        .arg(scratch.join("target"))
        .current_dir(&scratch)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // With bitcode std can take part in link-time optimization.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        // For `-Z`: std may use what is unstable, and is made by the compiler that it belongs to.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", source)
        .envs(compiler.variables());
    run(&mut build)?;
    let half = scratch.join("lib");
    fs::create_dir_all(&half).context(failed)?;
    let built = scratch.join("target").join(target).join("release/deps");
    for file in fs::read_dir(&built).context(failed)? {
        let path = file.context(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libwants_std-") {
            fs::rename(&path, half.join(name)).context(failed)?;
        }
    }
    let libraries = libraries(sysroot, target);
    remove(&libraries).context(failed)?;
    fs::create_dir_all(libraries.parent().unwrap_or(sysroot)).context(failed)?;
    fs::rename(&half, &libraries).context(failed)?;
    remove(&scratch).context(failed)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
