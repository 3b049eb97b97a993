//! Programs that somebody else starts.

use crate::common::{as_child, is_wine, printed, puppet, strings};
use outlive_os::cgroup::Cgroup;
use outlive_os::spawn::Spawn;
use outlive_os::surroundings;
use outlive_record::Via;
use std::ffi::OsStr;

#[test]
fn a_service_starts_a_program_outside_of_the_callers_job_object() {
    if let Err(error) = surroundings::may_start_by(Via::Service) {
        assert!(!is_wine(), "{error}");
        eprintln!("NOT TESTED: {error}");
        return;
    }
    let job = Cgroup::make(&crate::job::name(), true).expect("it can be made");
    let folder = tempfile::Builder::new().prefix("with a blank ü").tempdir();
    let folder = folder.expect("it can be made");
    let spawn = Spawn {
        cgroups: std::slice::from_ref(&job),
        folder: Some(strings([folder.path()])),
        ..puppet(&["ask service"])
    };
    let said = printed(spawn, as_child);
    let (is_in_one, place) = said.trim().split_once(' ').expect("two words");
    assert_eq!(is_in_one, "false", "{said}");
    // Its path may be written in another way.
    let name = |path: &str| std::path::Path::new(path).file_name().map(OsStr::to_owned);
    assert_eq!(name(place), folder.path().file_name().map(OsStr::to_owned));
}

#[test]
fn what_can_not_be_started_by_somebody_else_is_an_error() {
    let program = OsStr::new(r"C:\no such program.exe");
    let started = outlive_os::role::start_by(Via::Service, program.as_ref(), &["-"]);
    let error = started.expect_err("there is no such program");
    println!("{error}");
    let started = outlive_os::role::start_by(Via::Parent, program.as_ref(), &["-"]);
    started.expect_err("a parent starts nothing");
}
