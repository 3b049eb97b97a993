//! What a peer may send over a job's control socket, to the keeper and back, and what a job may print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::{Modes, Printed, Reply, Request};

fuzz_target!(|packet: &[u8]| {
    if let Ok(request) = Request::parse(packet) {
        assert_eq!(Request::parse(&request.to_bytes()).as_ref(), Ok(&request));
    }
    if let Ok(reply) = Reply::parse(packet) {
        assert_eq!(Reply::parse(&reply.to_bytes()).as_ref(), Ok(&reply));
    }
    if let Some(printed) = Printed::parse(packet).filter(|it| it.bytes.len() <= Printed::MOST) {
        assert_eq!(printed.to_bytes(), packet);
    }
    let mut modes = Modes::default();
    modes.follow(packet);
    let mut again = Modes::default();
    again.follow(modes.to_text().as_bytes());
    assert_eq!(again.set(), modes.set());
});
