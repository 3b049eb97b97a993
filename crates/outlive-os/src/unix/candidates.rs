//! Where a program is looked for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Where a program may be, in the order in which to look: itself if it is a path, else in each
/// folder of `PATH`, of which the default is execvp(3)'s.
pub fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<Vec<u8>> {
    let program = program.as_bytes();
    if program.contains(&b'/') {
        return vec![program.to_owned()];
    }
    let path = path.map_or(&b"/bin:/usr/bin"[..], OsStr::as_bytes);
    let join = |folder: &[u8]| match folder {
        [] => program.to_owned(),
        _ => [folder, b"/", program].concat(),
    };
    path.split(|&b| b == b':').map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_as_execvp_does() {
        let found = |program: &str, path: Option<&str>| -> Vec<String> {
            candidates(program.as_ref(), path.map(OsStr::new))
                .into_iter()
                .map(|it| String::from_utf8(it).unwrap())
                .collect()
        };
        assert_eq!(found("./x", Some("/a")), ["./x"]);
        assert_eq!(found("x", Some("/a:/b")), ["/a/x", "/b/x"]);
        assert_eq!(found("x", Some("/a::b")), ["/a/x", "x", "b/x"]);
        assert_eq!(found("x", None), ["/bin/x", "/usr/bin/x"]);
    }
}
