//! What a launcher hands to a new keeper: the request and, behind it, the job's environment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::Launch;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((launch, environment)) = Launch::parse(bytes) {
        assert!(bytes.ends_with(environment));
        let mut again = launch.to_bytes([]);
        again.extend_from_slice(environment);
        assert_eq!(Launch::parse(&again), Ok((launch, environment)));
    }
});
