//! Reading messages of either byte order, from a peer that may send anything.

use super::{LONGEST, field};

const FIXED: usize = 16;
/// "Valid Signatures" in the specification: 32 arrays and 32 structures, and variants besides.
const DEEPEST: usize = 64;

/// These bytes are not a message, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

type Result<T> = std::result::Result<T, Malformed>;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Return,
    Error,
    Signal,
    /// To be passed over, says the specification.
    Unknown,
}

/// A message that was received.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) reply_to: Option<u32>,
    pub(crate) path: Option<String>,
    pub(crate) interface: Option<String>,
    pub(crate) member: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) sender: Option<String>,
    signature: String,
    body: Vec<u8>,
    order: Order,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// How long the message is that begins with these bytes; `None` until that can be told.
pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>> {
    if bytes.len() < FIXED {
        return Ok(None);
    }
    let order = order(bytes)?;
    let mut reader = Reader::new(&bytes[..FIXED], order);
    reader.at = 4;
    let body = reader.number()? as usize;
    reader.at = 12;
    let fields = reader.number()? as usize;
    if body > LONGEST || fields > LONGEST {
        return Err(Malformed("a message that is too long"));
    }
    let whole = (FIXED + fields).next_multiple_of(8) + body;
    if whole > LONGEST {
        return Err(Malformed("a message that is too long"));
    }
    Ok(Some(whole))
}

fn order(bytes: &[u8]) -> Result<Order> {
    match (bytes.first(), bytes.get(3)) {
        (Some(b'l'), Some(1)) => Ok(Order::Little),
        (Some(b'B'), Some(1)) => Ok(Order::Big),
        _ => Err(Malformed("something that is not D-Bus")),
    }
}

impl Message {
    /// Reads one whole message, as long as [`length`] says.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Message> {
        let order = order(bytes)?;
        let kind = match bytes.get(1) {
            Some(1) => Kind::Call,
            Some(2) => Kind::Return,
            Some(3) => Kind::Error,
            Some(4) => Kind::Signal,
            _ => Kind::Unknown,
        };
        let mut message = Message {
            kind,
            reply_to: None,
            path: None,
            interface: None,
            member: None,
            error: None,
            sender: None,
            signature: String::new(),
            body: Vec::new(),
            order,
        };
        let mut reader = Reader::new(bytes, order);
        reader.at = 12;
        let end = reader.array(8)?;
        while reader.at < end {
            reader.align(8)?;
            let code = reader.byte()?;
            let signature = reader.signature()?;
            let text = matches!(signature, "s" | "o" | "g");
            match code {
                field::PATH if text => message.path = Some(reader.text()?.to_owned()),
                field::INTERFACE if text => message.interface = Some(reader.text()?.to_owned()),
                field::MEMBER if text => message.member = Some(reader.text()?.to_owned()),
                field::ERROR_NAME if text => message.error = Some(reader.text()?.to_owned()),
                field::SENDER if text => message.sender = Some(reader.text()?.to_owned()),
                field::REPLY_SERIAL if signature == "u" => {
                    message.reply_to = Some(reader.number()?);
                }
                field::SIGNATURE if signature == "g" => {
                    message.signature = reader.signature()?.to_owned();
                }
                _ => reader.skip(signature)?,
            }
        }
        reader.align(8)?;
        message.body = bytes[reader.at..].to_vec();
        Ok(message)
    }

    /// Its content, if that begins with values of these types.
    pub(crate) fn body(&self, signature: &str) -> Result<Reader<'_>> {
        if self.signature.starts_with(signature) {
            Ok(Reader::new(&self.body, self.order))
        } else {
            Err(Malformed("values of unexpected types"))
        }
    }

    /// What its content holds, if that is a variant of just this type.
    pub(crate) fn variant(&self, signature: &str) -> Result<Reader<'_>> {
        let mut body = self.body("v")?;
        if body.signature()? == signature {
            Ok(body)
        } else {
            Err(Malformed("values of unexpected types"))
        }
    }

    /// Whether it is this signal.
    pub(crate) fn is_signal(&self, interface: &str, member: &str) -> bool {
        self.kind == Kind::Signal
            && self.interface.as_deref() == Some(interface)
            && self.member.as_deref() == Some(member)
    }
}

/// Reads values one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], order: Order) -> Self {
        Reader {
            bytes,
            at: 0,
            order,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(Malformed("a message that ends too early"))?;
        self.at += count;
        Ok(taken)
    }

    fn align(&mut self, to: usize) -> Result<()> {
        self.take(self.at.next_multiple_of(to) - self.at)?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn number(&mut self) -> Result<u32> {
        self.align(4)?;
        let mut number = [0; 4];
        number.copy_from_slice(self.take(4)?);
        Ok(match self.order {
            Order::Little => u32::from_le_bytes(number),
            Order::Big => u32::from_be_bytes(number),
        })
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    /// A string or an object path.
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let length = self.number()? as usize;
        self.terminated(length)
    }

    fn signature(&mut self) -> Result<&'a str> {
        let length = self.byte()?.into();
        self.terminated(length)
    }

    fn terminated(&mut self, length: usize) -> Result<&'a str> {
        let text = self.take(length)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| Malformed("text that is not UTF-8"))
    }

    /// Begins an array whose elements are aligned to `to`; the offset where it ends.
    fn array(&mut self, to: usize) -> Result<usize> {
        let length = self.number()? as usize;
        self.align(to)?;
        match self.at.checked_add(length) {
            Some(end) if end <= self.bytes.len() => Ok(end),
            _ => Err(Malformed("a message that ends too early")),
        }
    }

    pub(crate) fn texts(&mut self) -> Result<Vec<&'a str>> {
        let end = self.array(4)?;
        let mut texts = Vec::new();
        while self.at < end {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    /// The number of type `i` with this name in an `a{sv}`.
    pub(crate) fn find_number(&mut self, name: &str) -> Result<Option<u32>> {
        let end = self.array(8)?;
        while self.at < end {
            self.align(8)?;
            let found = self.text()? == name;
            let signature = self.signature()?;
            if found && signature == "i" {
                return self.number().map(Some);
            }
            self.skip(signature)?;
        }
        Ok(None)
    }

    /// Passes over values of these types.
    fn skip(&mut self, signature: &str) -> Result<()> {
        self.skip_all(signature.as_bytes(), 0)
    }

    fn skip_all(&mut self, mut types: &[u8], depth: usize) -> Result<()> {
        while !types.is_empty() {
            let (first, rest) = types.split_at(extent(types, 0)?);
            self.skip_one(first, depth)?;
            types = rest;
        }
        Ok(())
    }

    fn skip_one(&mut self, kind: &[u8], depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(Malformed("values that are nested too deep"));
        }
        match kind[0] {
            b'y' => self.take(1).map(drop),
            b'n' | b'q' => self.align(2).and_then(|()| self.take(2)).map(drop),
            b'b' | b'i' | b'u' | b'h' => self.number().map(drop),
            b'x' | b't' | b'd' => self.align(8).and_then(|()| self.take(8)).map(drop),
            b's' | b'o' => self.text().map(drop),
            b'g' => self.signature().map(drop),
            b'v' => {
                let signature = self.signature()?;
                self.skip_all(signature.as_bytes(), depth + 1)
            }
            b'a' => {
                let end = self.array(alignment(kind[1]))?;
                self.at = end;
                Ok(())
            }
            _ => {
                self.align(8)?;
                self.skip_all(&kind[1..kind.len() - 1], depth + 1)
            }
        }
    }
}

fn alignment(kind: u8) -> usize {
    match kind {
        b'y' | b'g' | b'v' => 1,
        b'n' | b'q' => 2,
        b'x' | b't' | b'd' | b'(' | b'{' => 8,
        _ => 4,
    }
}

/// How many bytes of a signature its first complete type takes.
fn extent(types: &[u8], depth: usize) -> Result<usize> {
    const ODD: Malformed = Malformed("a signature that is not one");
    if depth > DEEPEST {
        return Err(ODD);
    }
    match types.first().ok_or(ODD)? {
        b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g'
        | b'h' | b'v' => Ok(1),
        b'a' => Ok(1 + extent(&types[1..], depth + 1)?),
        open @ (b'(' | b'{') => {
            let close = if *open == b'(' { b')' } else { b'}' };
            let mut at = 1;
            while *types.get(at).ok_or(ODD)? != close {
                at += extent(&types[at..], depth + 1)?;
            }
            if at == 1 { Err(ODD) } else { Ok(at + 1) }
        }
        _ => Err(ODD),
    }
}
