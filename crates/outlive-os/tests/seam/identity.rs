//! Users and groups, and who this process is.

use outlive_os::identity::{self, Identity, User};
use std::fs;

/// A number that no user and no group has, as far as the files tell.
const NOBODYS: u32 = 47_110_815;

#[test]
fn a_user_is_found_by_name_and_by_number() {
    let root = identity::user("root").expect("it can be looked for");
    let root = root.expect("every system has it");
    assert_eq!((root.id, root.group), (0, 0));
    assert_eq!(identity::user("0").expect("as before"), Some(root));
    let unknown = identity::user(&NOBODYS.to_string()).expect("as before");
    let expected = User {
        id: NOBODYS,
        group: NOBODYS,
        name: None,
        home: None,
        shell: None,
    };
    assert_eq!(unknown, Some(expected));
    for text in ["no-such-user", "", "-1", "4294967295", "4294967296"] {
        assert_eq!(identity::user(text).expect("as before"), None, "{text}");
    }
    assert!(identity::user("a\0b").is_err());
}

#[test]
fn a_group_is_found_by_name_and_by_number() {
    assert_eq!(identity::group("0").expect("it can be looked for"), Some(0));
    let text = fs::read_to_string("/etc/group").expect("every system has it");
    for line in text.lines().filter(|line| !line.starts_with(['+', '-'])) {
        let fields: Vec<&str> = line.split(':').collect();
        let id = identity::group(fields[0]).expect("as before");
        assert_eq!(id, fields[2].parse().ok(), "{line}");
    }
    assert_eq!(identity::group("no-such-group").expect("as before"), None);
}

#[test]
fn the_groups_of_a_user_contain_its_own() {
    let root = identity::user("root").expect("it can be looked for");
    let root = root.expect("every system has it");
    let groups = identity::groups(&root, NOBODYS).expect("they can be asked for");
    assert!(groups.contains(&NOBODYS), "{groups:?}");
    let unknown = User { name: None, ..root };
    let groups = identity::groups(&unknown, 7).expect("there is nobody to ask for");
    assert_eq!(groups, [7]);
}

#[test]
fn this_process_differs_from_others() {
    let own = identity::own().expect("it can be asked for");
    let other = Identity {
        user: NOBODYS,
        ..own.clone()
    };
    let difference = identity::difference(&other).expect("as before");
    assert!(difference.expect("it is another").contains("user ids"));
    let other = Identity {
        groups: vec![NOBODYS],
        ..own
    };
    let difference = identity::difference(&other).expect("as before");
    assert!(difference.expect("it is another").contains("in the groups"));
}
