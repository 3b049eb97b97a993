//! What a job may send to its keeper by sd_notify(3), and what a person may ask to be waited for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::{Notification, Ready};

fuzz_target!(|datagram: &[u8]| {
    let said = Notification::parse(datagram);
    assert!(said.main_pid.is_none_or(|pid| pid > 0));
    assert!(
        said.status
            .is_none_or(|status| status.len() <= datagram.len().min(512))
    );
    if let Ok(ready) = Ready::parse(datagram) {
        // What is not UTF-8 is shown as U+FFFD.
        assert!(Ready::parse(ready.to_string().as_bytes()).is_ok());
    }
});
