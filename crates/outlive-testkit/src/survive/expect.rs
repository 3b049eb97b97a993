//! What is expected of each cell.

use super::machine::Init;
use super::rows::{Output, Row};
use super::situation::{Before, Check, Place, Situation};
use super::verdict::Verdict;

/// What is expected of our own launcher.
pub(crate) fn expected(situation: &Situation, init: Init, root: bool, row: &Row) -> Verdict {
    let bare = init == Init::Bare;
    if !applies(situation, init, root) {
        return Verdict::NotApplicable;
    }
    let said = match situation.id {
        // Leaving it is leaving a sandbox.
        "K12p" => true,
        // Nobody outside the namespace can be asked.
        "K12pL" => bare,
        // Nobody else can be asked to fork. (A user's manager is there while they are logged in,
        // lingering or not.)
        "K7" | "K7N" => bare || row.output != Output::Outlive,
        "K5N" | "K6r" => !root,
        // Its manager is outside of the sandbox; root gets out by itself.
        "K5t" | "K5w" | "K5wr" => !root,
        // Only root may leave root's cgroup by itself.
        "K5n" => bare && !root,
        // Only root may lower it (setpriority(2)).
        "K11n" => !root,
        // Only with a niceness that it might have, too (sched(7)).
        "K11i" => !root,
        "K11dk" => true,
        _ => false,
    };
    if said { Verdict::Said } else { Verdict::Lives }
}

/// Whether what is expected to remain is something that `--breakaway require` is about.
pub(crate) fn requires(situation: &Situation, init: Init, root: bool, row: &Row) -> bool {
    let of_lifetime = |hazard: &&str| !["limits", "working-directory"].contains(hazard);
    row.name == "outlive"
        && expected(situation, init, root, row) == Verdict::Said
        && situation.hazards.iter().any(of_lifetime)
}

/// Whether there is such a situation.
pub(crate) fn applies(situation: &Situation, init: Init, root: bool) -> bool {
    let place = match situation.place {
        Place::Anywhere => init != Init::SystemdKills,
        Place::Systemd => init == Init::Systemd,
        Place::SystemdKills => init == Init::SystemdKills,
    };
    // polkit is not asked about root.
    // Nor can the system's manager be halted.
    let halted = situation.before == Some(Before::HaltedManager);
    // A child of root's leaves by itself.
    let scoped = situation.check == Some(Check::OwnScope);
    place && !(root && (situation.linger_refused() || halted || scoped))
}
