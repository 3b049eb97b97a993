//! Writing method calls, in little-endian order, which every peer reads.

use super::field;

const METHOD_CALL: u8 = 1;
const PROTOCOL: u8 = 1;

/// A method call, but for its serial number.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    /// "Message Flags" in the specification.
    pub(crate) flags: u8,
    /// The types of `body`.
    pub(crate) signature: &'a str,
    pub(crate) body: Writer,
    /// How many descriptors go with it.
    pub(crate) descriptors: u32,
}

/// What a variant may hold here.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Texts(&'a [&'a str]),
    Flag(bool),
    Number(u32),
    Numbers(&'a [u32]),
    Large(u64),
    /// The place of a descriptor among those that go with the message.
    Descriptor(u32),
    /// One `ExecStartEx`: a path, all arguments, flags (systemd 243).
    Command(&'a str, &'a [&'a str], &'a [&'a str]),
}

impl Value<'_> {
    fn signature(&self) -> &'static str {
        match self {
            Value::Text(_) => "s",
            Value::Texts(_) => "as",
            Value::Flag(_) => "b",
            Value::Number(_) => "u",
            Value::Numbers(_) => "au",
            Value::Large(_) => "t",
            Value::Descriptor(_) => "h",
            Value::Command(..) => "a(sasas)",
        }
    }
}

/// A sequence of values. Each is aligned by its offset from the start.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(crate) fn align(&mut self, to: usize) -> &mut Self {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
        self
    }

    pub(crate) fn number(&mut self, number: u32) -> &mut Self {
        self.align(4).0.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.number(flag.into())
    }

    /// A string or an object path, which look the same.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.number(length_of(text.len()));
        self.0.extend(text.as_bytes());
        self.0.push(0);
        self
    }

    pub(super) fn signature(&mut self, signature: &str) -> &mut Self {
        self.0.push(signature.len() as u8);
        self.0.extend(signature.as_bytes());
        self.0.push(0);
        self
    }

    pub(crate) fn texts(&mut self, texts: &[&str]) -> &mut Self {
        self.array(4, |writer| {
            for text in texts {
                writer.text(text);
            }
        })
    }

    /// An array whose elements are aligned to `to`. Its length counts neither itself nor the
    /// padding before the first element.
    pub(crate) fn array(&mut self, to: usize, elements: impl FnOnce(&mut Self)) -> &mut Self {
        self.number(0);
        let place = self.0.len() - 4;
        self.align(to);
        let start = self.0.len();
        elements(self);
        let length = length_of(self.0.len() - start);
        self.0[place..place + 4].copy_from_slice(&length.to_le_bytes());
        self
    }

    pub(crate) fn variant(&mut self, value: &Value<'_>) -> &mut Self {
        self.signature(value.signature());
        match value {
            Value::Text(text) => self.text(text),
            Value::Texts(texts) => self.texts(texts),
            Value::Flag(flag) => self.flag(*flag),
            Value::Number(number) | Value::Descriptor(number) => self.number(*number),
            Value::Numbers(numbers) => self.array(4, |writer| {
                for number in *numbers {
                    writer.number(*number);
                }
            }),
            Value::Large(number) => {
                self.align(8).0.extend(number.to_le_bytes());
                self
            }
            Value::Command(path, arguments, flags) => self.array(8, |writer| {
                writer.align(8).text(path).texts(arguments).texts(flags);
            }),
        }
    }

    /// The properties of a unit: `a(sv)`.
    pub(crate) fn properties(&mut self, properties: &[(&str, Value<'_>)]) -> &mut Self {
        self.array(8, |writer| {
            for (name, value) in properties {
                writer.align(8).text(name).variant(value);
            }
        })
    }

    pub(super) fn header_field(&mut self, code: u8, signature: &str) -> &mut Self {
        self.align(8).0.push(code);
        self.signature(signature)
    }
}

/// Whatever is too long for 32 bits is too long for a message; whoever sends it finds out by the
/// message's length.
fn length_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Call<'_> {
    /// The whole message.
    pub(crate) fn encode(&self, serial: u32) -> Vec<u8> {
        let mut message = Writer(vec![b'l', METHOD_CALL, self.flags, PROTOCOL]);
        message
            .number(length_of(self.body.0.len()))
            .number(serial)
            .array(8, |fields| {
                fields.header_field(field::PATH, "o").text(self.path);
                let destination = self.destination;
                fields
                    .header_field(field::DESTINATION, "s")
                    .text(destination);
                fields
                    .header_field(field::INTERFACE, "s")
                    .text(self.interface);
                fields.header_field(field::MEMBER, "s").text(self.member);
                if !self.signature.is_empty() {
                    fields
                        .header_field(field::SIGNATURE, "g")
                        .signature(self.signature);
                }
                if self.descriptors > 0 {
                    fields
                        .header_field(field::UNIX_FDS, "u")
                        .number(self.descriptors);
                }
            })
            .align(8);
        message.0.extend(&self.body.0);
        message.0
    }
}
