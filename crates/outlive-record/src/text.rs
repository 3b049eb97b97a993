//! Bytes that are nearly always UTF-8: arguments, paths, environment values.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// Bytes as the operating system has them: written as a JSON string where they are UTF-8, as
/// `{"hex":"…"}` where they are not, so that no argument is ever altered by being recorded.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Text(pub Vec<u8>);

impl Text {
    /// The text for people; what is not UTF-8 becomes U+FFFD.
    pub fn to_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Its bytes in hexadecimal digits, two for each.
    pub fn hex(&self) -> String {
        let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
        let digits = self.0.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
        digits.collect()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_lossy(), f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hex {
    hex: String,
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Hex { hex: self.hex() }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Plain(String),
            Hex(Hex),
        }
        match Either::deserialize(deserializer)? {
            Either::Plain(text) => Ok(Text(text.into_bytes())),
            Either::Hex(Hex { hex }) => unhex(hex.as_bytes())
                .map(Text)
                .ok_or_else(|| de::Error::custom("odd or wrong hexadecimal digits")),
        }
    }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive(bytes: Vec<u8>) {
            let json = serde_json::to_vec(&Text(bytes.clone())).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Text>(&json).unwrap(), Text(bytes));
        }
    }

    #[test]
    fn utf8_stays_readable_and_other_bytes_are_hex() {
        assert_eq!(
            serde_json::to_string(&Text::from("zwölf\n")).unwrap(),
            r#""zwölf\n""#
        );
        assert_eq!(
            serde_json::to_string(&Text(vec![0xff, 0x0a])).unwrap(),
            r#"{"hex":"ff0a"}"#
        );
        for wrong in [
            r#"{"hex":"f"}"#,
            r#"{"hex":"fg"}"#,
            r#"{"hexe":"ff"}"#,
            "7",
            "null",
        ] {
            assert!(serde_json::from_str::<Text>(wrong).is_err(), "{wrong}");
        }
    }
}
