//! An output file with entries, which a job, a full disk or anybody may have damaged. What is printed
//! is read back whole, wherever the reading is cut; what is read of anything else is no more than what
//! is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive_record::{Decoder, Form, Stream, encode};

/// What each stream printed, and what has no stream, read in chunks of this size.
fn read(form: Form, file: &[u8], chunk: usize) -> [Vec<u8>; 3] {
    let mut decoder = Decoder::new(form);
    let mut streams = [const { Vec::new() }; 3];
    for mut bytes in file.chunks(chunk) {
        while let Some(piece) = decoder.next(&mut bytes) {
            assert!(piece.time.is_none() || form.timestamps);
            let place = piece.stream.map_or(2, |stream| stream as usize);
            streams[place].extend_from_slice(piece.text);
            if piece.ends_line {
                streams[place].push(b'\n');
            }
        }
        assert!(bytes.is_empty());
    }
    streams
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, chunk, bytes @ ..] = bytes else {
        return;
    };
    let form = Form {
        timestamps: choice & 1 != 0,
        split: choice & 2 != 0,
    };
    let chunk = usize::from(*chunk) + 1;
    // As a file.
    let whole = read(form, bytes, usize::MAX);
    assert_eq!(whole, read(form, bytes, chunk));
    assert!(whole.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    if form.is_plain() {
        assert_eq!(whole[2], bytes);
        return;
    }
    // As what two streams have printed in turn, in chunks.
    let (mut file, mut printed) = (Vec::new(), [const { Vec::new() }; 3]);
    for (at, part) in bytes.chunks(chunk).enumerate() {
        let stream = [Stream::Stdout, Stream::Stderr][at % 2];
        let time = jiff::Timestamp::from_microsecond(1_790_000_000_000_000 + at as i64);
        let head = form.head(time.expect("it is in this century"), stream);
        let mut text = part;
        while !text.is_empty() {
            file.extend(encode(&head, &mut text).concat());
        }
        let place = if form.split { stream as usize } else { 2 };
        printed[place].extend_from_slice(part);
    }
    assert_eq!(read(form, &file, chunk), printed);
});
