//! `cargo xtask macos`: compiles, lints and links for macOS. Nothing here can run what it makes.

use std::fs;

use crate::cross::zig::Zig;
use crate::cross::{Place, Toolchain};
use crate::error::{Context, Error, Result};
use crate::workspace::{Workspace, run};

const TARGET: &str = "aarch64-apple-darwin";

/// A 64-bit Mach-O file for aarch64: its first eight bytes (mach-o/loader.h).
const MACH_O: [u8; 8] = [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0x00, 0x00, 0x01];

pub(crate) fn main(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if let Some(other) = arguments.first() {
        return Err(Error::new(format!("unknown option `{other}` of `macos`")));
    }
    println!("{}", build(workspace)?);
    Ok(())
}

fn build(workspace: &Workspace) -> Result<String> {
    let place = Place::hold(workspace, "macos")?;
    let zig = Zig::prepare(&place.downloads)?;
    let mut toolchain = Toolchain::prepare(&place, TARGET, "")?;
    toolchain.set_variables(zig.variables()?);
    let of_program = [
        "--target",
        TARGET,
        "--package",
        "outlive-cli",
        "--bin",
        "outlive",
    ];
    if toolchain.has_clippy() {
        let mut clippy = toolchain.cargo(workspace, &["clippy"]);
        run(clippy.args(of_program).args(["--", "-D", "warnings"]))?;
    }
    run(toolchain.cargo(workspace, &["zigbuild"]).args(of_program))?;
    let path = workspace.target.join(TARGET).join("debug/outlive");
    let image = fs::read(&path).context(|| format!("failed to read `{}`", path.display()))?;
    if image.starts_with(&MACH_O) {
        Ok(format!("{TARGET}: linked, never run"))
    } else {
        Err(Error::new(format!(
            "`{}` is no program for macOS",
            path.display()
        )))
    }
}
