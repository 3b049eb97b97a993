//! The program by which keepers are started.

use crate::again::skipped;
use outlive_os::role::steady_program;
use std::fs;

#[test]
fn a_copy_that_is_not_the_program_is_not_started() {
    let path = tempfile::tempdir().expect("a folder can be made");
    let (program, home) = (path.path().join("program.exe"), path.path().join("home"));
    let content = b"what is installed".repeat(10_000);
    fs::write(&program, &content).expect("our own folder");
    let steady = || steady_program(&program, &home).expect("it can be copied");
    let copy = steady();
    if copy == program {
        assert!(!home.exists());
        skipped("copies of the program", "this process is elevated");
        return;
    }
    assert!(copy.starts_with(&home));
    assert_eq!(fs::read(&copy).expect("our own file"), content);
    // Of the same length, and shorter.
    for length in [content.len(), 1] {
        let mut other = content[..length].to_vec();
        other[length - 1] = b'x';
        fs::write(&copy, other).expect("our own file");
        assert_eq!(steady(), copy);
        assert_eq!(fs::read(&copy).expect("our own file"), content);
    }
    let kept = home.join("keepers");
    assert_eq!(fs::read_dir(kept).expect("our own folder").count(), 1);
}
