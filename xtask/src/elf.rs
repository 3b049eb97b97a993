//! Reads from an executable how it is linked.

const ET_EXEC: u16 = 2;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

/// Says what is wrong with `image` as a static, fixed-address, 64-bit little-endian executable.
pub(crate) fn must_be_static_and_fixed(image: &[u8]) -> Result<(), &'static str> {
    if image.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err("not a 64-bit little-endian ELF file");
    }
    if half(image, 16) != Some(ET_EXEC) {
        return Err("position-independent");
    }
    let (Some(table), Some(size), Some(count)) =
        (long(image, 32), half(image, 54), half(image, 56))
    else {
        return Err("cut short in its header");
    };
    for index in 0..u64::from(count) {
        let Some(kind) = usize::try_from(table + index * u64::from(size))
            .ok()
            .and_then(|at| word(image, at))
        else {
            return Err("cut short in its program headers");
        };
        if kind == PT_INTERP || kind == PT_DYNAMIC {
            return Err("dynamically linked");
        }
    }
    Ok(())
}

fn bytes<const N: usize>(image: &[u8], at: usize) -> Option<[u8; N]> {
    image.get(at..)?.first_chunk().copied()
}

fn half(image: &[u8], at: usize) -> Option<u16> {
    bytes(image, at).map(u16::from_le_bytes)
}

fn word(image: &[u8], at: usize) -> Option<u32> {
    bytes(image, at).map(u32::from_le_bytes)
}

fn long(image: &[u8], at: usize) -> Option<u64> {
    bytes(image, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(kind: u16, headers: &[u32]) -> Vec<u8> {
        let mut image = vec![0; 64];
        image[..6].copy_from_slice(b"\x7fELF\x02\x01");
        image[16..18].copy_from_slice(&kind.to_le_bytes());
        image[32..40].copy_from_slice(&64u64.to_le_bytes());
        image[54..56].copy_from_slice(&56u16.to_le_bytes());
        image[56..58].copy_from_slice(&(headers.len() as u16).to_le_bytes());
        for header in headers {
            image.extend(header.to_le_bytes());
            image.extend([0; 52]);
        }
        image
    }

    #[test]
    fn tells_how_a_program_is_linked() {
        assert_eq!(must_be_static_and_fixed(&image(ET_EXEC, &[1, 1])), Ok(()));
        let pie = must_be_static_and_fixed(&image(3, &[1]));
        assert_eq!(pie, Err("position-independent"));
        for header in [PT_DYNAMIC, PT_INTERP] {
            let dynamic = must_be_static_and_fixed(&image(ET_EXEC, &[1, header]));
            assert_eq!(dynamic, Err("dynamically linked"));
        }
    }

    #[test]
    fn refuses_what_is_no_program_or_cut_short() {
        assert!(must_be_static_and_fixed(b"").is_err());
        assert!(must_be_static_and_fixed(b"#!/bin/sh\n").is_err());
        let whole = image(ET_EXEC, &[1, 1]);
        for length in 0..whole.len() - 52 {
            assert!(
                must_be_static_and_fixed(&whole[..length]).is_err(),
                "{length}"
            );
        }
    }
}
