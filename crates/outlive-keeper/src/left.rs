//! What is left of a job whose keeper is gone.

use crate::escape::cgroup_paths;
use crate::marks;
use crate::store::{Seen, has_control, printed_to};
use outlive_os::Found;
use outlive_os::folder::Folder;
use outlive_record::{Leftover, Place};
use std::io;

/// What can be told to be of the job in this folder without its keeper's help; nothing without a main
/// process, or elsewhere: start times of an earlier boot mean nothing now.
pub fn found(folder: &Folder, seen: &Seen, here: &Place) -> Option<Found> {
    let main = seen.main.filter(|_| seen.record.place == *here)?;
    let keeper = seen.keeper.filter(|_| seen.kept);
    let cgroups = cgroup_paths(&seen.record.cgroups);
    let found = Found::new(marks(&seen.record.spec.id), main, cgroups);
    let found = found.kept_by(keeper.map(|line| line.pid));
    Some(found.printing_to(printed_to(folder)))
}

/// How many processes of a job are left that its keeper was to end: it was killed before it could. If
/// the job has ended its control socket tells, which a keeper that goes by itself removes.
pub fn left_behind(folder: &Folder, seen: &Seen, here: &Place) -> io::Result<usize> {
    let has_ended = seen.record.newest().end.is_some();
    let meant = has_ended && seen.record.spec.leftover == Leftover::Leave;
    if seen.kept || meant || (has_ended && !has_control(folder)?) {
        return Ok(0);
    }
    let members = found(folder, seen, here).map(|mut found| found.members());
    Ok(members.transpose()?.map_or(0, |members| members.len()))
}
