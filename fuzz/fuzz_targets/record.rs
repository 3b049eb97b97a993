//! A record that anybody may have damaged. What is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(Record::parse(&record.to_bytes()).as_ref(), Ok(&record));
    }
});
