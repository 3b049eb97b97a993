//! What a peer may send over a job's control socket, to the keeper and back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::{Reply, Request};

fuzz_target!(|packet: &[u8]| {
    if let Ok(request) = Request::parse(packet) {
        assert_eq!(Request::parse(&request.to_bytes()).as_ref(), Ok(&request));
    }
    if let Ok(reply) = Reply::parse(packet) {
        assert_eq!(Reply::parse(&reply.to_bytes()).as_ref(), Ok(&reply));
    }
});
