//! Builds the C parts: the raw spawn that everything is measured against, and the tiniest program.

use std::env;
use std::path::PathBuf;

fn main() {
    for source in ["src/spawn/raw.c", "src/spawn/tiny.c"] {
        println!("cargo::rerun-if-changed={source}");
    }
    cc::Build::new().file("src/spawn/raw.c").compile("raw");

    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let tiny = folder.join("tiny");
    let status = cc::Build::new()
        .get_compiler()
        .to_command()
        .args(["-Os", "-static", "-nostdlib", "-ffreestanding", "-o"])
        .arg(&tiny)
        .arg("src/spawn/tiny.c")
        .status()
        .expect("failed to start the C compiler");
    assert!(status.success(), "failed to build the tiny program");
    println!("cargo::rustc-env=TINY={}", tiny.display());
}
