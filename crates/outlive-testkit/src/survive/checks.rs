//! What is to be true of a job that lives, by what it and its caller say of themselves.

use super::situation::{Check, Situation};
use super::verdict::Seen;
use serde_json::Value;

/// What a job that was changed in nothing has of its caller.
const KEPT: &[&str] = &[
    "affinity",
    "cwd",
    "io_priority",
    "limits",
    "nice",
    "no_new_privs",
    "oom_score_adj",
    "policy",
    "timer_slack",
    "umask",
];
/// Variables that a shell sets for each program that it starts.
const OF_SHELL: &[&str] = &["_", "OLDPWD", "PWD", "SHLVL"];
/// How long a launch may take that finds a manager which does not answer, in seconds: it waits
/// five for it.
const FALL_BACK: f64 = 8.0;

/// What is not as it is to be.
pub(super) fn fault(seen: &Seen, situation: &Situation) -> Option<String> {
    if let Some(fault) = &seen.fault {
        return Some(fault.clone());
    }
    let wrong = situation.check.and_then(|check| wrong(check, seen));
    wrong.or_else(|| unsaid(seen, situation))
}

fn wrong(check: Check, seen: &Seen) -> Option<String> {
    let status = seen.status.as_ref()?;
    let text = |field: &str| status[field].as_str().unwrap_or_default();
    let is = |good: bool, found: String| (!good).then_some(found);
    match check {
        Check::SoftLimits => {
            let nofile = text("limits")
                .lines()
                .find(|line| line.starts_with("Max open files"))
                .unwrap_or_default();
            let soft = nofile.split_whitespace().nth(3);
            is(soft.is_some_and(|soft| soft != "64"), nofile.to_owned())
        }
        Check::Nice => is(status["nice"] == 0, format!("nice {}", status["nice"])),
        Check::Policy => {
            let policy = &status["policy"];
            is(*policy == 0, format!("scheduling policy {policy}"))
        }
        Check::IoPriority => {
            // None of its own, or what that comes to.
            let priority = status["io_priority"].as_i64().unwrap_or(-1);
            let found = format!("priority of input and output {priority:x}");
            is([0, 2 << 13 | 4].contains(&priority), found)
        }
        Check::TimerSlack => {
            let slack = text("timer_slack");
            is(slack == "50000", format!("timer slack {slack} ns"))
        }
        Check::Affinity => {
            let found = text("affinity");
            is(found != "0", format!("processors {found}"))
        }
        Check::OomScore => {
            let score = text("oom_score_adj");
            is(score == "0", format!("oom_score_adj {score}"))
        }
        Check::Umask => is(text("umask") == "0022", format!("umask {}", text("umask"))),
        Check::Signals => {
            // SIGHUP, SIGINT, SIGQUIT and SIGUSR1; SIGTERM and SIGUSR2.
            let bits = |field: &str| u64::from_str_radix(text(field), 16).unwrap_or(u64::MAX);
            let (ignored, blocked) = (bits("ignored") & 0x207, bits("blocked"));
            let found = format!("ignored {ignored:x}, blocked {blocked:x}");
            is(ignored == 0 && blocked == 0, found)
        }
        Check::LimitedCgroup => {
            let cgroup = text("cgroup");
            is(!cgroup.contains("/box-cell"), cgroup.to_owned())
        }
        Check::Kept => kept(status, seen.caller.as_ref()?),
        Check::FellBack => fell_back(seen),
        Check::Streams => {
            let files = status["files"].as_array().map_or(&[][..], Vec::as_slice);
            let names: Vec<&str> = files.iter().filter_map(Value::as_str).collect();
            let has = |name: &str| names.iter().any(|file| file.ends_with(name));
            let as_asked = has("0 /input") && has("1 /result") || has("7 /kept");
            is(as_asked, format!("its descriptors: {}", names.join(", ")))
        }
        // Where it is was seen while it ran.
        Check::OwnScope => {
            let way = seen.way.as_deref().unwrap_or("nothing");
            is(way == "scoped", format!("its parent says {way} of its way"))
        }
        // Seen while it runs.
        Check::Unmounts | Check::Secret | Check::Polite => None,
    }
}

/// What the job has not as its caller has it.
fn kept(job: &Value, caller: &Value) -> Option<String> {
    let differs = |field: &&&str| job[**field] != caller[**field];
    let mut lost: Vec<String> = KEPT
        .iter()
        .filter(differs)
        .map(|field| format!("{field} {} instead of {}", job[*field], caller[*field]))
        .collect();
    let variables = |of: &Value| -> Vec<String> {
        let all = of["environment"].as_array().into_iter().flatten();
        all.filter_map(|it| Some(it.as_str()?.to_owned())).collect()
    };
    let has = variables(job);
    let missing = variables(caller).into_iter().filter(|variable| {
        let name = variable.split('=').next().unwrap_or_default();
        !OF_SHELL.contains(&name) && !has.contains(variable)
    });
    lost.extend(missing.map(|variable| format!("no {variable}")));
    (!lost.is_empty()).then(|| lost.join(", "))
}

fn fell_back(seen: &Seen) -> Option<String> {
    let took = seen.launch_seconds;
    if took > FALL_BACK {
        return Some(format!("the launch took {took:.1} s"));
    }
    let words = seen.errors.trim();
    // The hazard that remains, and why.
    let said = words.contains("cgroup") && words.contains("systemd");
    (!said).then(|| format!("`run` says nothing of it: {words:?}"))
}

/// What doctor and show do not say of the situation's hazards.
fn unsaid(seen: &Seen, situation: &Situation) -> Option<String> {
    let doctor = seen.doctor.as_ref().and_then(|it| it.get("hazards"));
    let both = [("doctor", doctor), ("show", seen.report.as_ref())];
    both.into_iter().find_map(|(who, entries)| {
        let entries = entries.and_then(Value::as_array).into_iter().flatten();
        let of_it = entries.filter(|entry| {
            let hazard = entry["hazard"].as_str().unwrap_or_default();
            situation.hazards.contains(&hazard)
        });
        let words: String = of_it.map(|entry| entry["detail"].to_string()).collect();
        let missing = situation.said.iter().find(|word| !words.contains(**word))?;
        Some(format!("{who} does not say `{missing}`: {words}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_job_has_not_of_its_caller_is_found() {
        let caller = json!({"nice": 5, "umask": "0027", "environment": ["A=1", "_=x"]});
        assert_eq!(kept(&caller, &caller), None);
        let job = json!({"nice": 0, "umask": "0027", "environment": ["_=y"]});
        let lost = kept(&job, &caller).unwrap();
        assert_eq!(lost, "nice 0 instead of 5, no A=1");
    }

    #[test]
    fn what_is_to_be_said_is_looked_for_in_both() {
        let situation = Situation::named("K11k").unwrap();
        let seen = Seen {
            report: Some(json!([{"hazard": "limits", "detail": "nice 10"}])),
            ..Seen::default()
        };
        let missing = unsaid(&seen, situation).unwrap();
        assert!(missing.starts_with("doctor does not say"), "{missing}");
    }
}
