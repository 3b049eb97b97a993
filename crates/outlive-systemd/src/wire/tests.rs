use super::{Call, Kind, LONGEST, Message, Value, Writer, field, length};
use proptest::prelude::*;

/// What a peer sends: an answer, an error or a signal.
#[derive(Debug, Default)]
pub(crate) struct Sent<'a> {
    pub(crate) kind: u8,
    pub(crate) reply_to: u32,
    pub(crate) path: &'a str,
    /// Interface and member.
    pub(crate) name: (&'a str, &'a str),
    pub(crate) error: &'a str,
    pub(crate) sender: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) body: Writer,
}

impl Sent<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut message = Writer(vec![b'l', self.kind, 0, 1]);
        message
            .number(self.body.0.len() as u32)
            .number(7)
            .array(8, |fields| {
                let texts = [
                    (field::PATH, "o", self.path),
                    (field::INTERFACE, "s", self.name.0),
                    (field::MEMBER, "s", self.name.1),
                    (field::ERROR_NAME, "s", self.error),
                    (field::SENDER, "s", self.sender),
                ];
                for (code, signature, text) in texts.into_iter().filter(|it| !it.2.is_empty()) {
                    fields.header_field(code, signature).text(text);
                }
                let signature = fields.header_field(field::SIGNATURE, "g");
                signature.signature(self.signature);
                if self.reply_to > 0 {
                    let serial = fields.header_field(field::REPLY_SERIAL, "u");
                    serial.number(self.reply_to);
                }
                // A field that nobody knows yet.
                fields.header_field(99, "as").texts(&["later", "versions"]);
            })
            .align(8);
        message.0.extend(&self.body.0);
        message.0
    }
}

impl Writer {
    /// A variant of type `i`, which is only ever received.
    pub(crate) fn integer_variant(&mut self, number: u32) -> &mut Self {
        self.signature("i").number(number)
    }
}

fn call(signature: &'static str, body: Writer) -> Call<'static> {
    Call {
        destination: "org.example",
        path: "/org/example",
        interface: "org.example.Manager",
        member: "Do",
        flags: 0,
        signature,
        body,
        descriptors: 1,
    }
}

#[test]
fn a_call_reads_as_it_was_written() {
    let mut body = Writer::default();
    body.text("a name").texts(&["one", "", "three"]).flag(true);
    let bytes = call("sasb", body).encode(3);
    assert_eq!(length(&bytes), Ok(Some(bytes.len())));
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.kind, Kind::Call);
    assert_eq!(message.path.as_deref(), Some("/org/example"));
    assert_eq!(message.member.as_deref(), Some("Do"));
    let mut body = message.body("sas").unwrap();
    assert_eq!(body.text(), Ok("a name"));
    assert_eq!(body.texts(), Ok(vec!["one", "", "three"]));
    assert_eq!(body.flag(), Ok(true));
    assert!(body.number().is_err());
    assert!(message.body("sau").is_err());
}

/// Written by hand after "Message Format" in the specification.
#[test]
fn a_call_is_written_as_the_specification_says() {
    let mut body = Writer::default();
    body.number(5);
    let call = Call {
        destination: "d.d",
        path: "/",
        interface: "i.i",
        member: "M",
        descriptors: 0,
        ..call("u", body)
    };
    let mut expected = b"l\x01\x00\x01\x04\x00\x00\x00\x02\x00\x00\x00\x47\x00\x00\x00".to_vec();
    expected.extend(b"\x01\x01o\x00\x01\x00\x00\x00/\x00\x00\x00\x00\x00\x00\x00");
    expected.extend(b"\x06\x01s\x00\x03\x00\x00\x00d.d\x00\x00\x00\x00\x00");
    expected.extend(b"\x02\x01s\x00\x03\x00\x00\x00i.i\x00\x00\x00\x00\x00");
    expected.extend(b"\x03\x01s\x00\x01\x00\x00\x00M\x00\x00\x00\x00\x00\x00\x00");
    expected.extend(b"\x08\x01g\x00\x01u\x00\x00\x05\x00\x00\x00");
    assert_eq!(call.encode(2), expected);
}

#[test]
fn properties_of_every_type_are_found_again() {
    let mut body = Writer::default();
    body.text("an interface").properties(&[
        ("Text", Value::Text("a")),
        ("Texts", Value::Texts(&["a", "bc"])),
        ("Flag", Value::Flag(true)),
        ("Number", Value::Number(1)),
        ("Numbers", Value::Numbers(&[1, 2, 3])),
        ("Large", Value::Large(u64::MAX)),
        ("Descriptor", Value::Descriptor(0)),
        ("Command", Value::Command("/a", &["b", "c"], &["d"])),
    ]);
    body.number(4711);
    let bytes = call("sa{sv}u", body).encode(1);
    let message = Message::decode(&bytes).unwrap();
    let mut body = message.body("sa{sv}u").unwrap();
    body.text().unwrap();
    assert_eq!(body.find_number("Number"), Ok(None), "it is not of type i");
    assert_eq!(body.number(), Ok(4711), "all were passed over");
}

#[test]
fn messages_of_the_other_byte_order_are_read() {
    let mut bytes = b"B\x02\x00\x01\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00\x10".to_vec();
    bytes.extend(b"\x05\x01u\x00\x00\x00\x00\x2a\x08\x01g\x00\x02uu\x00");
    bytes.extend(b"\x00\x00\x00\x05\x00\x00\x00\x06");
    assert_eq!(length(&bytes), Ok(Some(bytes.len())));
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.reply_to, Some(42));
    let mut body = message.body("uu").unwrap();
    assert_eq!((body.number(), body.number()), (Ok(5), Ok(6)));
}

#[test]
fn a_length_is_refused_before_it_is_believed() {
    let mut bytes = b"l\x02\x00\x01\xff\xff\xff\xff\x01\x00\x00\x00\xff\xff\xff\xff".to_vec();
    assert!(length(&bytes).is_err());
    bytes[4..8].copy_from_slice(&(LONGEST as u32).to_le_bytes());
    bytes[12..].fill(0);
    assert!(length(&bytes).is_err());
    assert_eq!(length(&bytes[..15]), Ok(None));
    assert!(length(b"HTTP/1.1 400 Bad").is_err());
}

/// Reads all that can be read of a message, as any type.
fn read_everything(message: &Message) {
    for signature in ["", "s", "as", "uoss", "sa{sv}", "v"] {
        let Ok(mut body) = message.body(signature) else {
            continue;
        };
        drop((body.number(), body.text(), body.texts(), body.flag()));
        let _ = body.find_number("ExecMainStatus");
    }
    let _ = message.variant("s").map(|mut body| body.text().is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = length(&bytes);
        let _ = Message::decode(&bytes).map(|message| read_everything(&message));
    }

    #[test]
    fn no_damage_makes_it_panic(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = Writer::default();
        body.text("an interface").properties(&[
            ("Command", Value::Command("/a", &["b"], &["c"])),
            ("Numbers", Value::Numbers(&[1])),
        ]);
        let mut bytes = call("sa{sv}", body).encode(1);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = length(&bytes);
        let _ = Message::decode(&bytes).map(|message| read_everything(&message));
        bytes.truncate(cut.index(bytes.len()));
        let _ = Message::decode(&bytes).map(|message| read_everything(&message));
    }

    #[test]
    fn no_signature_makes_it_panic(
        signature in "[ybnqiuxtdsoghva(){}]{0,80}",
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        // A field of the header that is unknown, so that its value is passed over.
        let mut bytes = vec![b'l', 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0];
        let mut fields = Writer::default();
        fields.header_field(99, &signature);
        fields.0.extend(&rest);
        bytes.extend((fields.0.len() as u32).to_le_bytes());
        bytes.extend(&fields.0);
        bytes.extend([0; 8]);
        let _ = Message::decode(&bytes);
    }
}
