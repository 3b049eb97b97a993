//! The variables that runners hunt by.

use outlive_escape::cookies::{GITHUB, JENKINS, TABLE, is_cookie};
use std::ffi::{OsStr, OsString};

#[test]
fn each_of_the_table_is_found_in_any_case() {
    for entry in &TABLE {
        for name in [
            entry.variable.to_owned(),
            entry.variable.to_ascii_lowercase(),
        ] {
            let found = is_cookie(OsStr::new(&name));
            assert_eq!(found.map(|it| it.runner), Some(entry.runner), "{name}");
            let longer = is_cookie(OsStr::new(&format!("{name}_1")));
            assert_eq!(longer.is_some(), entry.prefix, "{name}");
            let shorter = &name[..name.len() - 1];
            assert_eq!(is_cookie(OsStr::new(shorter)), None, "{shorter}");
        }
    }
    let runner = |name: &str| is_cookie(OsStr::new(name)).map(|it| it.runner);
    assert_eq!(runner("Runner_Tracking_Id"), Some(GITHUB));
    assert_eq!(runner("JENKINS_NODE_COOKIE"), Some(JENKINS));
    assert_eq!(runner("_CONDOR_ANCESTOR_21130"), Some("HTCondor"));
}

/// What jobs read, and nobody hunts by alone.
#[test]
fn nothing_else_is_taken() {
    for name in [
        "",
        "BUILD_ID",
        "BUILD_NUMBER",
        "BUILD_TAG",
        "JOB_NAME",
        "JENKINS_URL",
        "PROJECT_ID",
        "HOME",
        "PATH",
        "PWD",
        "USER",
        "SHELL",
        "HOSTNAME",
        "RUNNER_NAME",
        "GITHUB_RUN_ID",
        "_",
        "CI",
        "OUTLIVE_JOB",
        "OUTLIVE_KEEPER",
        "_CONDOR_SCRATCH_DIR",
        "EVERGREEN",
        "É",
    ] {
        assert_eq!(is_cookie(OsStr::new(name)), None, "{name}");
    }
    let odd: OsString = outlive_os::os_string(b"RUNNER_TRACKING_ID\xff".to_vec());
    assert_eq!(is_cookie(&odd), None);
}
