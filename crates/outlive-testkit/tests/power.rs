//! What is on the disk when the power goes.

use outlive_testkit::{Home, Puppet, strace};

/// Nobody waits for the disk: the end is there for all who look, those who wait are told, and then it
/// is brought to the disk, the record and its name.
#[test]
fn an_end_is_told_and_then_brought_to_the_disk() {
    let home = Home::new();
    let mut puppet = Puppet::new(&home);
    let id = home.start(&[], &mut puppet);
    let keeper = home.keeper(&id);
    let calls = "trace=rename,renameat,renameat2,close,fsync,fdatasync";
    let what = "the order in which an end is written";
    let Some(strace) = strace(&home, keeper.pid(), &["-y", "-e", calls], what) else {
        return;
    };
    puppet.exit(7);
    assert_eq!(home.call(["wait", &id]).code, 7);
    keeper.ended();
    let trace = strace.finish().errors();
    let calls: Vec<&str> = trace.lines().collect();
    let folder = home.job(&id);
    let [record, folder] = [
        format!("{}>)", folder.join("record").display()),
        format!("{}>)", folder.display()),
    ];
    // The last one of each: the keeper has written other things before, and hears of none of these.
    let place = |what: &str, call: &str, of: &str| {
        let is_it = |line: &str| line.starts_with(call) && line.contains(of);
        let place = calls.iter().rposition(|line| is_it(line));
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
