//! What is expected of each cell.

use super::machine::Init;
use super::situation::{Place, Situation};
use super::verdict::Verdict;

/// What is expected of our own launcher.
pub(crate) fn expected(situation: &Situation, init: Init, root: bool) -> Verdict {
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
        "K7" | "K7N" => bare,
        "K5N" | "K6r" => !root,
        // Only root may leave root's cgroup by itself.
        "K5n" => bare && !root,
        // Only root may lower it (setpriority(2)).
        "K11n" => !root,
        _ => false,
    };
    if said { Verdict::Said } else { Verdict::Lives }
}

/// Whether what is expected to remain is something that `--breakaway require` is about.
pub(crate) fn requires(situation: &Situation, init: Init, root: bool) -> bool {
    expected(situation, init, root) == Verdict::Said && !situation.hazards.contains(&"limits")
}

/// Whether there is such a situation.
pub(crate) fn applies(situation: &Situation, init: Init, root: bool) -> bool {
    let place = match situation.place {
        Place::Anywhere => init != Init::SystemdKills,
        Place::Systemd => init == Init::Systemd,
        Place::SystemdKills => init == Init::SystemdKills,
    };
    // polkit is not asked about root.
    place && !(root && situation.linger_refused())
}
