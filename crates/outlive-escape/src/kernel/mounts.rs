//! `/proc/PID/mountinfo` (proc_pid_mountinfo(5)): what is mounted where.

/// A mount, as one line tells of it. Paths are bytes: anybody chooses the names in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its id, as statx(2) has it too.
    pub id: u64,
    /// The folder of the file system that is mounted: `/` if it is all of it. Of a cgroup file
    /// system it is relative to the root of the reader's cgroup namespace, and begins with `/..`
    /// where that does not reach (cgroup_namespaces(7)).
    pub root: Vec<u8>,
    /// Where, relative to the reader's root.
    pub point: Vec<u8>,
    /// The kind of file system: `cgroup2`, `ext4`.
    pub kind: Vec<u8>,
    /// The file system's own options, separated by commas: for a hierarchy of cgroups of version 1
    /// its controllers and its name.
    pub options: Vec<u8>,
}

impl Mount {
    /// The mount that a line tells of.
    pub fn parse(line: &[u8]) -> Option<Mount> {
        let mut fields = line.split(|&byte| byte == b' ');
        let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        // The parent's id, and the device.
        let root = fields.nth(2)?;
        let point = fields.next()?;
        // The mount's options, and any number of optional fields up to a lone hyphen.
        fields.next()?;
        fields.find(|field| *field == b"-")?;
        let kind = fields.next()?;
        // What was mounted: of cgroups, whatever whoever mounted it said.
        let options = fields.nth(1)?;
        Some(Mount {
            id,
            root: unescape(root),
            point: unescape(point),
            kind: unescape(kind),
            options: unescape(options),
        })
    }

    /// Whether its file system has this option.
    pub fn has_option(&self, option: &[u8]) -> bool {
        self.options
            .split(|&byte| byte == b',')
            .any(|it| it == option)
    }
}

/// The mounts that `text` tells of, one after the other.
pub fn all(text: &[u8]) -> impl Iterator<Item = Mount> {
    text.split(|&byte| byte == b'\n').filter_map(Mount::parse)
}

/// Those of file systems for cgroups: of the others no more is looked at than what they are.
pub fn of_cgroups(text: &[u8]) -> impl Iterator<Item = Mount> {
    let lines = text.split(|&byte| byte == b'\n');
    lines
        .filter(|line| {
            let mut fields = line.split(|&byte| byte == b' ').skip(6);
            fields.any(|field| field == b"-")
                && matches!(fields.next(), Some(b"cgroup" | b"cgroup2"))
        })
        .filter_map(Mount::parse)
}

/// Undoes the kernel's escapes, a backslash and three octal digits for a space, tab, newline,
/// backslash or hash; what is no such escape stands for itself.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() {
            &after[3..]
        } else {
            after
        };
    }
    plain
}
