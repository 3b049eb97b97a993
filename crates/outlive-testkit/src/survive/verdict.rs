//! What became of a cell.

use super::checks;
use super::situation::Situation;
use serde_json::Value;

/// What became of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// It never beat.
    #[default]
    NeverBegan,
    /// It went on beating.
    Lives,
    /// It ended.
    Ended,
    /// It is there, but was stopped.
    Silent,
}

/// All that was seen of a cell.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) launched: Option<i32>,
    pub(crate) errors: String,
    pub(crate) doctor: Option<Value>,
    pub(crate) report: Option<Value>,
    pub(crate) way: Option<String>,
    pub(crate) hung: bool,
    pub(crate) life: Life,
    pub(crate) status: Option<Value>,
    /// What its caller said of itself.
    pub(crate) caller: Option<Value>,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
    /// What `wait` is to say.
    pub(crate) wanted_code: i32,
    pub(crate) launch_seconds: f64,
    /// How long the library took for it.
    pub(crate) spawn_us: Option<u64>,
    pub(crate) output_kept: Option<bool>,
    pub(crate) exit_code: Option<i32>,
    /// The exit code of a `run` that was to start nothing unless it could leave everything.
    pub(crate) required: Option<i32>,
}

impl Seen {
    /// Whether the launch took as long as one that waits for somebody in vain.
    fn fell_back(&self) -> bool {
        self.launch_seconds > 2.0
    }
}

/// The verdict on a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It lives, with all that belongs to it.
    Lives,
    /// It lives, and its output or its exit code is lost.
    Loses,
    /// It died or was not started, and that had been said.
    Said,
    /// It died, and something else had been claimed.
    False,
    /// It died, and nothing had been said.
    Dies,
    /// Its caller did not get its end of file.
    Hangs,
    /// It was not started.
    Fails,
    /// There is no such situation here.
    NotApplicable,
    /// The machine lacks something.
    Skipped,
    /// The harness failed.
    Broken,
}

impl Verdict {
    pub(crate) const ALL: [Verdict; 10] = [
        Verdict::Lives,
        Verdict::Loses,
        Verdict::Said,
        Verdict::False,
        Verdict::Dies,
        Verdict::Hangs,
        Verdict::Fails,
        Verdict::NotApplicable,
        Verdict::Skipped,
        Verdict::Broken,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Lives => "lives",
            Verdict::Loses => "loses",
            Verdict::Said => "said",
            Verdict::False => "FALSE",
            Verdict::Dies => "DIES",
            Verdict::Hangs => "HANGS",
            Verdict::Fails => "FAILS",
            Verdict::NotApplicable => ".",
            Verdict::Skipped => "skip",
            Verdict::Broken => "BROKEN",
        }
    }

    pub(crate) fn named(word: &str) -> Option<Verdict> {
        Verdict::ALL
            .into_iter()
            .find(|verdict| verdict.word() == word)
    }
}

/// The verdict on what was seen, and a note of why.
pub(crate) fn of(seen: &Seen, situation: &Situation, ours: bool) -> (Verdict, String) {
    let claims = Claims::of(seen, situation);
    if seen.required.is_some_and(|code| code != 125) {
        let code = seen.required;
        return (
            Verdict::False,
            format!("`--breakaway require` exits with {code:?}"),
        );
    }
    let (died, why) = match seen.life {
        Life::NeverBegan => {
            let first = seen.errors.lines().next().unwrap_or_default();
            let why = format!("not started ({:?}) {first}", seen.launched);
            if !ours && seen.launched != Some(0) {
                return (Verdict::Fails, why);
            }
            (true, why)
        }
        Life::Ended => (true, "died".to_owned()),
        Life::Silent => (true, "stopped".to_owned()),
        Life::Lives => (false, String::new()),
    };
    if died {
        let verdict = claims.judge(seen);
        return (verdict, format!("{why}; {}", claims.words()));
    }
    if seen.hung {
        return (Verdict::Hangs, "the caller waits for the job".to_owned());
    }
    if let Some(wrong) = sandbox_left(seen, situation) {
        let verdict = if ours { Verdict::False } else { Verdict::Loses };
        return (verdict, wrong);
    }
    if let Some(left) = checks::fault(seen, situation) {
        return (claims.judge(seen), format!("{left}; {}", claims.words()));
    }
    if seen.output_kept == Some(false) {
        return (Verdict::Loses, "output after the strike is lost".to_owned());
    }
    if seen.exit_code.is_some_and(|code| code != seen.wanted_code) {
        let note = format!("`wait` says {:?}", seen.exit_code);
        return (Verdict::Loses, note);
    }
    let way = seen.way.clone().unwrap_or_default();
    let took = seen.spawn_us.map_or_else(String::new, |us| {
        format!(", spawned in {:.1} ms", us as f64 / 1000.0)
    });
    let waited = match seen.fell_back() {
        true => format!(", launched in {:.1} s", seen.launch_seconds),
        false => String::new(),
    };
    (Verdict::Lives, format!("{way}{took}{waited}"))
}

/// What was said of the hazards of a situation.
struct Claims {
    doctor: Vec<String>,
    report: Vec<String>,
    /// What doctor says does not count.
    only_tried: bool,
}

impl Claims {
    fn of(seen: &Seen, situation: &Situation) -> Claims {
        let doctor = seen
            .doctor
            .as_ref()
            .and_then(|doctor| doctor.get("hazards"));
        Claims {
            doctor: states(doctor, situation),
            report: states(seen.report.as_ref(), situation),
            only_tried: situation.only_tried,
        }
    }

    fn judge(&self, seen: &Seen) -> Verdict {
        let honest = |state: &String| state == "remains" || state == "kept";
        let warned = !seen.errors.trim().is_empty() || self.doctor.iter().any(|it| it == "kept");
        let foretold = (self.only_tried || self.doctor.iter().any(honest)) && warned;
        let reported = self.report.is_empty() || self.report.iter().any(honest);
        if seen.doctor.is_none() && seen.report.is_none() {
            Verdict::Dies
        } else if foretold && reported {
            Verdict::Said
        } else {
            Verdict::False
        }
    }

    fn words(&self) -> String {
        let list = |states: &[String]| {
            if states.is_empty() {
                "nothing".to_owned()
            } else {
                states.join(", ")
            }
        };
        format!(
            "doctor: {}; show: {}",
            list(&self.doctor),
            list(&self.report)
        )
    }
}

/// The states of a situation's hazards in a list of entries.
fn states(entries: Option<&Value>, situation: &Situation) -> Vec<String> {
    let entries = entries
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let text = |entry: &Value, field: &str| entry.get(field)?.as_str().map(str::to_owned);
    entries
        .iter()
        .filter(|entry| {
            let hazard = text(entry, "hazard").unwrap_or_default();
            situation.hazards.contains(&&*hazard)
        })
        .filter_map(|entry| text(entry, "state"))
        .collect()
}

/// A sandbox is never left unasked.
fn sandbox_left(seen: &Seen, situation: &Situation) -> Option<String> {
    let kept = seen.status.as_ref()?.get("no_new_privs")?.as_str()? == "1";
    let left = situation.keeps_sandbox() && !kept;
    left.then(|| "the job has left NO_NEW_PRIVS unasked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn died(doctor: &Value, errors: &str) -> Verdict {
        let seen = Seen {
            launched: Some(0),
            life: Life::Ended,
            doctor: Some(doctor.clone()),
            errors: errors.to_owned(),
            ..Seen::default()
        };
        of(&seen, Situation::named("K5").unwrap(), true).0
    }

    fn doctor(hazard: &str, state: &str) -> Value {
        json!({"hazards": [{"hazard": hazard, "state": state}]})
    }

    #[test]
    fn a_death_is_judged_by_what_was_claimed() {
        let remains = doctor("cgroup", "remains");
        assert_eq!(died(&remains, "outlive: warning"), Verdict::Said);
        // `run` kept silent.
        assert_eq!(died(&remains, ""), Verdict::False);
        for wrong in [
            doctor("cgroup", "left"),
            doctor("cgroup", "not-present"),
            doctor("terminal", "remains"),
        ] {
            assert_eq!(died(&wrong, "outlive: warning"), Verdict::False);
        }
    }

    #[test]
    fn a_death_that_nobody_speaks_of() {
        let seen = Seen {
            launched: Some(0),
            life: Life::Ended,
            ..Seen::default()
        };
        let (verdict, _) = of(&seen, Situation::named("K5").unwrap(), true);
        assert_eq!(verdict, Verdict::Dies);
    }

    #[test]
    fn a_sandbox_that_was_left_unasked_is_a_false_claim() {
        let seen = |no_new_privs| Seen {
            life: Life::Lives,
            status: Some(json!({ "no_new_privs": no_new_privs })),
            ..Seen::default()
        };
        let situation = Situation::named("NNP").unwrap();
        assert_eq!(of(&seen("0"), situation, true).0, Verdict::False);
        assert_eq!(of(&seen("1"), situation, true).0, Verdict::Lives);
    }
}
