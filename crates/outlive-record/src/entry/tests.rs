use super::*;
use proptest::prelude::*;

const FORMS: [Form; 4] = [
    Form {
        timestamps: false,
        split: false,
    },
    Form {
        timestamps: true,
        split: false,
    },
    Form {
        timestamps: false,
        split: true,
    },
    Form {
        timestamps: true,
        split: true,
    },
];

fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_789_998_400_000_000 + microseconds).unwrap()
}

/// Writes all of `text`.
fn write<'a>(head: &'a str, mut text: &'a [u8], to: &mut Vec<u8>) {
    while !text.is_empty() {
        to.extend(encode(head, &mut text).concat());
    }
}

/// What each stream printed, as it is read back in chunks of `chunk` bytes; the second is what has
/// no stream.
fn read_back(form: Form, file: &[u8], chunk: usize) -> [Vec<u8>; 3] {
    let mut decoder = Decoder::new(form);
    let mut streams = [const { Vec::new() }; 3];
    for mut bytes in file.chunks(chunk) {
        while let Some(piece) = decoder.next(&mut bytes) {
            let stream = &mut streams[match piece.stream {
                Some(Stream::Stdout) => 0,
                Some(Stream::Stderr) => 1,
                None => 2,
            }];
            stream.extend_from_slice(piece.text);
            if piece.ends_line {
                stream.push(b'\n');
            }
        }
        assert!(bytes.is_empty());
    }
    streams
}

#[test]
fn entries_are_lines_that_people_can_read() {
    let file = |form: Form| {
        let mut file = Vec::new();
        write(&form.head(moment(0), Stream::Stdout), b"one\ntw", &mut file);
        write(&form.head(moment(7), Stream::Stderr), b"\xff\n", &mut file);
        write(
            &form.head(moment(1_000_000), Stream::Stdout),
            b"o\n",
            &mut file,
        );
        file
    };
    let [plain, times, streams, both] = FORMS.map(file);
    assert_eq!(streams, b"out one\nout+tw\nerr \xff\nout o\n");
    let time = "2026-09-21T13:46:40.000000Z";
    assert!(
        times
            .starts_with(format!("{time} one\n{time}+tw\n2026-09-21T13:46:40.000007Z ").as_bytes())
    );
    assert!(both.starts_with(format!("{time} out one\n{time} out+tw\n").as_bytes()));
    assert!(both.ends_with(b"2026-09-21T13:46:41.000000Z out o\n"));
    // Nobody writes one like that: a plain file has no entries.
    assert!(plain.starts_with(b" one"));
}

#[test]
fn what_is_no_entry_is_a_line() {
    let form = Form {
        timestamps: true,
        split: true,
    };
    let mut file =
        b"foreign\n2026-09-21T13:46:40.000000Z xxx text\n\n2026-13-21T13:46:40.000000Z out x\n"
            .to_vec();
    write(&form.head(moment(0), Stream::Stderr), b"whole\n", &mut file);
    // As a full disk cuts a write.
    file.extend_from_slice(b"2026-09-21T13:46:40.0");
    for chunk in 1..file.len() {
        let [out, err, none] = read_back(form, &file, chunk);
        assert_eq!((&*out, &*err), (&b""[..], &b"whole\n"[..]));
        let kept = &file[..file.len() - 21];
        let lines = kept
            .split(|&byte| byte == b'\n')
            .take(4)
            .collect::<Vec<_>>();
        assert_eq!(none, [lines.join(&b'\n'), b"\n".to_vec()].concat());
    }
}

#[test]
fn times_are_read_back() {
    let form = Form {
        timestamps: true,
        split: false,
    };
    let mut file = Vec::new();
    write(
        &form.head(moment(123_456), Stream::Stdout),
        b"a\nb",
        &mut file,
    );
    let mut decoder = Decoder::new(form);
    let (mut bytes, mut pieces) = (&file[..], Vec::new());
    while let Some(piece) = decoder.next(&mut bytes) {
        assert_eq!((piece.time, piece.stream), (Some(moment(123_456)), None));
        pieces.push((piece.text.to_vec(), piece.ends_line));
    }
    assert_eq!(pieces, [(b"a".to_vec(), true), (b"b".to_vec(), false)]);
}

proptest! {
    #[test]
    fn every_byte_comes_back(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(prop::sample::select(b"ab+ \n\n\xff\0".to_vec()), 0..12)), 0..12),
        form in 1..4usize,
        chunk in 1..40usize,
    ) {
        let form = FORMS[form];
        let (mut file, mut printed) = (Vec::new(), [const { Vec::new() }; 3]);
        for (at, (is_error, text)) in pieces.iter().enumerate() {
            let stream = if *is_error { Stream::Stderr } else { Stream::Stdout };
            write(&form.head(moment(at as i64), stream), text, &mut file);
            let place = if form.split { usize::from(*is_error) } else { 2 };
            printed[place].extend_from_slice(text);
        }
        prop_assert_eq!(read_back(form, &file, chunk), printed);
    }

    #[test]
    fn anything_is_read_without_loss(bytes: Vec<u8>, chunk in 1..40usize) {
        prop_assert_eq!(read_back(FORMS[0], &bytes, chunk)[2].clone(), bytes.clone());
        for form in FORMS {
            let read: usize = read_back(form, &bytes, chunk).iter().map(Vec::len).sum();
            prop_assert!(read <= bytes.len());
        }
    }
}
