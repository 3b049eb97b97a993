//! Bytes handed over without a disk.

use outlive_os::memory::{bytes, holding};

#[test]
fn it_holds_just_the_bytes_that_it_was_given() {
    for length in [0, 1, 4087, 4088, 4089, 3 << 20] {
        let given: Vec<u8> = (0..length).map(|at: usize| (at * 31 % 251) as u8).collect();
        let memory = holding(&given).expect("memory can be had");
        let copy = memory.try_clone().expect("a handle can be copied");
        assert_eq!(bytes(memory).expect("it can be read"), given);
        assert_eq!(bytes(copy).expect("it can be read once more").len(), length);
    }
}

#[test]
fn what_is_no_memory_is_refused() {
    let (end, _other) = outlive_os::events::pipe().expect("a pipe can be made");
    bytes(end).expect_err("a pipe holds nothing");
}
