//! Rust source without its comments and the contents of its strings, line for line.

/// Blanks out comments, string contents and character literals; line breaks stay.
pub(crate) fn code_only(source: &str) -> String {
    let mut left = source;
    let mut code = String::with_capacity(source.len());
    while let Some(character) = left.chars().next() {
        let word_before = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = if left.starts_with("//") {
            left.find('\n').unwrap_or(left.len())
        } else if left.starts_with("/*") {
            block_comment(left)
        } else if character == '"' {
            string(left)
        } else if character == '\'' {
            character_literal(left)
        } else if character == 'r' && !word_before {
            raw_string(left)
        } else {
            0
        };
        if skipped == 0 {
            code.push(character);
            left = &left[character.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(left[..skipped].chars().filter(|c| *c == '\n'));
            left = &left[skipped..];
        }
    }
    code
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// 0 for a lifetime or a label, which look alike at their start.
fn character_literal(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            characters.next();
            characters
                .find(|(_, character)| *character == '\'')
                .map_or(text.len(), |(at, _)| at + 1)
        }
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// 0 for an identifier that begins with an r, raw ones included.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    let Some(contents) = text[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let opening = 2 + hashes;
    contents
        .find(&end)
        .map_or(text.len(), |at| opening + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::code_only;

    #[test]
    fn comments_and_strings_are_blank() {
        for (source, code) in [
            ("a // unsafe\nb", "a  \nb"),
            ("a /* x /* unsafe */ \n */ b", "a  \n b"),
            (r#"f("unsafe \" {", x)"#, "f( , x)"),
            (r##"f(r#"unsafe "quoted" \"#, x)"##, "f( , x)"),
            ("r#unsafe_word + for_r", "r#unsafe_word + for_r"),
            (r"['\'', 'u', '\u{1F600}', '/']", "[ ,  ,  ,  ]"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("b\"unsafe\" c", "b  c"),
        ] {
            assert_eq!(code_only(source), code, "{source}");
        }
    }

    #[test]
    fn an_unclosed_literal_ends_with_the_file() {
        for source in ["\"unsafe", "r#\"unsafe\"", "/* unsafe", "'\\"] {
            assert_eq!(code_only(source), " ", "{source}");
        }
    }
}
