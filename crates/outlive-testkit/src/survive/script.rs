//! The script that a cell's caller runs: it asks doctor, launches, and says so.

use super::cell::Cell;
use super::machine::PATH;
use super::situation::{Around, Check, Launch, Situation};

/// The text of a cell's script, for any POSIX shell.
pub(crate) fn text(cell: &Cell<'_>) -> String {
    let Situation {
        launch,
        around,
        options,
        prelude,
        ..
    } = cell.situation;
    let ours = cell.row.is_kept();
    // What doctor does not know as an option is no reason to hear nothing of it.
    let doctor = if ours {
        "outlive doctor --json $OPTIONS >\"$F/doctor\" 2>\"$F/doctor.errors\"\n\
         [ -s \"$F/doctor\" ] || outlive doctor --json >\"$F/doctor\" 2>>\"$F/doctor.errors\"\n"
    } else {
        ""
    };
    // What the caller itself has.
    let caller = if cell.situation.check == Some(Check::Kept) {
        "survive status >\"$F/caller\"\n"
    } else {
        ""
    };
    let require = if cell.requires() {
        "outlive run --breakaway require $OPTIONS -- true 2>\"$F/require\"\n\
         echo \"required $?\" >\"$F/said\"\n"
    } else {
        ""
    };
    // An interactive shell goes on by itself, until `exit` is typed.
    let wait = match (launch, around) {
        (Launch::Leave, _) | (_, Around::Login) => "",
        _ => "read -r word <\"$F/go\"\n",
    };
    // The mount is to be kept busy by the job alone.
    let leave = match cell.situation.check {
        Some(Check::Unmounts) => "cd /\n",
        _ => "",
    };
    format!(
        "F={folder} ID={id} OPTIONS='{options}'\n\
         PATH={PATH}; export PATH\n\
         HOME={home}; export HOME\n\
         OUTLIVE_HOME=\"$F/home\"; export OUTLIVE_HOME\n\
         : >\"$F/errors\"; : >\"$F/doctor\"; : >\"$F/doctor.errors\"; : >\"$F/out\"\n\
         {prelude}\n\
         echo \"pid $$ ${{XDG_SESSION_ID:-none}}\" >\"$F/said\"\n\
         {doctor}{require}{caller}\
         echo \"launching now\" >\"$F/said\"\n\
         {launcher}\n\
         echo \"launched $?\" >\"$F/said\"\n\
         {leave}\
         {wait}",
        folder = cell.folder.display(),
        id = cell.id(),
        options = options.join(" "),
        home = cell.user.home.display(),
        launcher = launcher(cell),
    )
}

/// The line that launches. What ours say of hazards goes to a file; the peers' errors go where the
/// caller's go, since a row is the launcher as people type it.
fn launcher(cell: &Cell<'_>) -> String {
    let line = cell.row.line(cell.user.is_root());
    match cell.situation.launch {
        Launch::Stay | Launch::Leave => line.to_owned(),
        Launch::Exec => format!("exec {}", cell.row.exec),
        Launch::Closed => match line.strip_suffix(" &") {
            Some(line) => format!("{line} <&- >&- 2>&- &"),
            None => format!("{line} <&- >&- 2>&-"),
        },
    }
}
