//! Who can be a parent in another one's place.

use crate::common::{as_child, printed, puppet};
use outlive_os::cgroup::Cgroup;
use outlive_os::proc;
use outlive_os::spawn::Spawn;

#[test]
fn the_nearest_ancestor_outside_of_all_job_objects_is_found_and_taken() {
    let jobs = [0, 1].map(|_| Cgroup::make(&crate::job::name(), true).expect("it can be made"));
    let spawn = Spawn {
        cgroups: &jobs,
        ..puppet(&["foster"])
    };
    let me = std::env::current_exe().expect("a program knows its path");
    let me = me.file_name().expect("it has a name").display().to_string();
    let said = printed(spawn, as_child);
    let expected = format!("{} {me} false", std::process::id());
    assert_eq!(said.trim().to_lowercase(), expected.to_lowercase());
}

#[test]
fn the_system_has_a_name_and_three_numbers() {
    let system = proc::system();
    let version = system.strip_prefix("Windows ").expect("it is Windows");
    let numbers: Vec<u32> = version
        .split('.')
        .filter_map(|it| it.parse().ok())
        .collect();
    assert!(numbers.len() == 3 && numbers[0] >= 6, "{system}");
}
