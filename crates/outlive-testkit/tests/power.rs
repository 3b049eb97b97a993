//! What is on the disk when the power goes.

use outlive_testkit::{Home, Pidfd, Puppet, Running, skipped};
use std::process::{Command, Stdio};

/// Nobody waits for the disk: the end is there for all who look, those who wait are told, and then it
/// is brought to the disk, the record and its name.
#[test]
fn an_end_is_told_and_then_brought_to_the_disk() {
    let mut strace = Command::new("strace");
    if strace.arg("-V").stdout(Stdio::null()).status().is_err() {
        skipped(
            "the order in which an end is written",
            "no strace to see it",
        );
        return;
    }
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&[], &mut puppet);
    let keeper = home.show(&id)["keeper"]["pid"].as_i64();
    let keeper = i32::try_from(keeper.expect("it has one")).expect("a pid fits");
    let lives = Pidfd::of(keeper).expect("it lives");
    let calls = "trace=rename,renameat,renameat2,close,fsync,fdatasync";
    let words = ["strace", "-y", "-e", calls, "-p", &keeper.to_string()];
    let mut strace = Running::start(&mut home.command(words));
    let said = strace.err.line().expect("it says something");
    if !said.contains("attached") {
        puppet.exit(0);
        skipped("the order in which an end is written", &said);
        return;
    }
    puppet.exit(7);
    assert_eq!(home.call(["wait", &id]).code, 7);
    lives.ended();
    let trace = strace.finish().errors();
    let calls: Vec<&str> = trace.lines().collect();
    let folder = home.job(&id);
    let [record, folder] = [
        format!("{}>)", folder.join("record").display()),
        format!("{}>)", folder.display()),
    ];
    // The last one of each: the keeper has written other things before, and hears of none of these.
    let place = |what: &str, call: &str, of: &str| {
        let is_it = |line: &&str| line.starts_with(call) && line.contains(of);
        let place = calls.iter().rposition(is_it);
        place.unwrap_or_else(|| panic!("{what} is not there: {trace}"))
    };
    let written = place("the record", "rename", "\"record.new\"");
    // Who waits has a copy of the reading end, and this is the only writing one.
    let told = calls[written..]
        .iter()
        .position(|line| line.starts_with("close") && line.contains("<pipe:"));
    let told = written + told.unwrap_or_else(|| panic!("nobody was told: {trace}"));
    let on_disk = place("the record's bytes", "fdatasync", &record);
    let named = place("its name", "fsync", &folder);
    assert!(told < on_disk && on_disk < named, "{trace}");
}
