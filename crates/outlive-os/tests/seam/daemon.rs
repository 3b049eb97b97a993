//! What a process does to itself; what it comes to is tested where daemons are.

use crate::common::alone;
use outlive_os::daemon;
use outlive_os::notify::Notifier;
use std::ffi::OsStr;

#[test]
fn a_process_with_threads_is_not_forked_and_keeps_its_environment() {
    // The test's own thread is one beside the main one.
    let count = daemon::threads().expect("/proc is mounted");
    assert!(count > 1, "{count}");
    let refused = daemon::fork().expect_err("there are threads");
    assert!(refused.to_string().contains("threads"), "{refused}");
    let refused = daemon::remove_variables(|name| name == OsStr::new("PATH"));
    refused.expect_err("there are threads");
    assert!(std::env::var_os("PATH").is_some());
}

#[test]
fn a_leader_leads_no_other_session() {
    alone!();
    // The first time is refused as well where it is started as a leader.
    let _ = daemon::lead_session();
    let refused = daemon::lead_session();
    refused.expect_err("it leads one now");
}

#[test]
fn an_address_that_is_no_socket_s_is_refused() {
    for address in ["", "relative", "vsock:2:1234", "/no/such/socket"] {
        let refused = Notifier::connect(OsStr::new(address));
        refused.expect_err(address);
    }
}
