//! What is true of a job that runs: what was planned, compared with what is seen. Nothing is
//! claimed to be left that was not seen to be.

use outlive_os::{KERNEL, Kernel};
use outlive_record::{Caller, Escape, Hazard, ProcessLine, Report, State};

/// What is seen of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The kernel's line about it from just before its exec.
    pub line: ProcessLine,
    /// Whether it leads its session and its process group. (A daemon must not: whoever leads a session
    /// without a terminal gets one by opening it.)
    pub leads: bool,
    /// The number of the terminal that was made for it, 0 if none was.
    pub own_terminal: i32,
    /// What is seen of it while it runs; nothing if it ended before it could be looked at.
    pub running: Option<Running>,
    /// The parent of its keeper.
    pub keepers_parent: i32,
    /// Whether its keeper is in a job object (Windows), if that can be told. The job itself is in
    /// that of its keeper's making in any case.
    pub in_job: Option<bool>,
}

/// What is seen of a job that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// `/proc/PID/cgroup`.
    pub cgroups: String,
    /// `/proc/PID/environ`.
    pub environment: Vec<u8>,
    /// Settings that were asked for and are not in force, by name.
    pub refused: Vec<&'static str>,
}

/// The report on a job: the planned one, with what is not as planned put right, and without the
/// hazards of which nothing is to be said.
pub fn verify(planned: &Report, caller: &Caller, seen: &Seen) -> Report {
    let mut report = planned.clone();
    for escape in &mut report.escapes {
        if let Some(fault) = fault(escape, caller, seen) {
            escape.state = State::Remains;
            escape.how = format!("not as planned: {fault}");
            escape.hint = None;
        }
        if escape.hazard == Hazard::Limits {
            tell_refused(escape, seen);
        }
        let own = seen.own_terminal != 0 && seen.line.terminal == seen.own_terminal;
        if own && escape.hazard == Hazard::Terminal && escape.state == State::Left {
            escape.how = "it has a terminal of its own".to_owned();
        }
    }
    if seen.running.is_none() {
        let note = match KERNEL {
            Kernel::Linux => "it ended before its cgroup and environment could be looked at",
            Kernel::Windows | Kernel::Darwin => {
                "it ended before its environment could be looked at"
            }
        };
        report.notes.push(note.to_owned());
    }
    report.brief()
}

/// What is wrong with an escape that was planned, as far as it can be seen.
fn fault(escape: &Escape, caller: &Caller, seen: &Seen) -> Option<String> {
    if escape.state != State::Left {
        return None;
    }
    let line = &seen.line;
    let own = |leader: i32| leader == line.pid || !seen.leads;
    match escape.hazard {
        Hazard::Terminal if line.terminal != seen.own_terminal => Some(match line.terminal {
            0 => "it has not got the terminal that was made for it".to_owned(),
            _ => "it has a terminal".to_owned(),
        }),
        Hazard::ProcessGroup if !own(line.group) || line.group == caller.group => {
            Some(format!("it is in group {}", line.group))
        }
        Hazard::Session if !own(line.session) || line.session == caller.session => {
            Some(format!("it is in session {}", line.session))
        }
        Hazard::Subreaper => {
            let hunted = caller.adopter == Some(seen.keepers_parent);
            hunted.then(|| format!("process {} is above it", seen.keepers_parent))
        }
        Hazard::Cgroup => {
            let running = seen.running.as_ref()?;
            let mut cgroups = caller.cgroups.iter();
            let inside = cgroups.find(|cgroup| is_inside(&running.cgroups, cgroup))?;
            Some(format!("it is in {inside}"))
        }
        Hazard::JobObject if caller.in_job => match seen.in_job {
            Some(false) => None,
            Some(true) => Some("its keeper is in a job object".to_owned()),
            None => Some("it can't be told whether its keeper is in a job object".to_owned()),
        },
        // Sessions of log-ons; elsewhere it is not by them that a log-out finds its processes.
        Hazard::LogOut if KERNEL == Kernel::Windows && line.session == caller.session => {
            Some(format!("it is in session {}", line.session))
        }
        Hazard::Cookies => {
            let environment = &seen.running.as_ref()?.environment;
            let found = caller.cookies.iter().find(|cookie| {
                environment.split(|&b| b == 0).any(|it| {
                    it.starts_with(cookie.as_bytes()) && it.get(cookie.len()) == Some(&b'=')
                })
            })?;
            Some(format!("{found} is in its environment"))
        }
        _ => None,
    }
}

fn tell_refused(escape: &mut Escape, seen: &Seen) {
    let refused = seen.running.as_ref().map_or(&[][..], |it| &it.refused);
    if !refused.is_empty() {
        escape.state = State::Kept;
        escape.how = format!(
            "not in force, since that may not be set: {}",
            refused.join(", ")
        );
    }
}

/// Whether a process with this `/proc/PID/cgroup` is in the cgroup that such a line tells, or below
/// it.
fn is_inside(lines: &str, cgroup: &str) -> bool {
    let Some((hierarchy, path)) = split(cgroup) else {
        return false;
    };
    lines.lines().filter_map(split).any(|(other, inner)| {
        let below = inner.strip_prefix(path.trim_end_matches('/'));
        other == hierarchy && below.is_some_and(|it| it.is_empty() || it.starts_with('/'))
    })
}

/// The name of the hierarchy (none for version 2, `name=systemd`) and the path of a line.
fn split(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(':')?;
    rest.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_record::Way;
    use proptest::prelude::*;

    fn escape(hazard: Hazard, state: State) -> Escape {
        Escape {
            hazard,
            state,
            detail: "something".to_owned(),
            how: "somehow".to_owned(),
            hint: None,
        }
    }

    fn planned() -> Report {
        Report {
            way: Way::Direct,
            escapes: Hazard::ALL
                .iter()
                .map(|hazard| escape(*hazard, State::Left))
                .collect(),
            notes: vec![],
        }
    }

    fn caller() -> Caller {
        Caller {
            session: 7,
            group: 8,
            cgroups: vec!["0::/system.slice/a.service".to_owned()],
            in_job: true,
            adopter: Some(9),
            cookies: vec!["COOKIE".to_owned()],
        }
    }

    fn seen() -> Seen {
        Seen {
            line: ProcessLine {
                pid: 42,
                state: b'S',
                parent: 41,
                group: 42,
                session: 42,
                terminal: 0,
                start_time: 1,
            },
            leads: true,
            own_terminal: 0,
            running: Some(Running {
                cgroups: "0::/outlive/a.42\n".to_owned(),
                environment: b"A=1\0".to_vec(),
                refused: vec![],
            }),
            keepers_parent: 1,
            in_job: Some(false),
        }
    }

    fn remains(seen: &Seen) -> Vec<Hazard> {
        let report = verify(&planned(), &caller(), seen);
        let remaining = report
            .escapes
            .iter()
            .filter(|it| it.state == State::Remains);
        remaining.map(|it| it.hazard).collect()
    }

    #[test]
    fn what_is_as_planned_is_left() {
        assert_eq!(remains(&seen()), []);
    }

    #[test]
    fn what_is_not_as_planned_remains() {
        type Change = fn(&mut Seen);
        let of_session: &[Hazard] = match KERNEL {
            Kernel::Windows => &[Hazard::Session, Hazard::LogOut],
            Kernel::Linux | Kernel::Darwin => &[Hazard::Session],
        };
        let cases: [(Change, &[Hazard]); 8] = [
            (|it| it.line.terminal = 34816, &[Hazard::Terminal]),
            (|it| it.line.group = 8, &[Hazard::ProcessGroup]),
            (|it| it.line.session = 7, of_session),
            (|it| it.keepers_parent = 9, &[Hazard::Subreaper]),
            (|it| it.in_job = Some(true), &[Hazard::JobObject]),
            (|it| it.in_job = None, &[Hazard::JobObject]),
            (
                |it| {
                    let running = it.running.as_mut().unwrap();
                    running.cgroups =
                        "1:name=systemd:/\n0::/system.slice/a.service/in\n".to_owned();
                },
                &[Hazard::Cgroup],
            ),
            (
                |it| it.running.as_mut().unwrap().environment = b"A=1\0COOKIE=2\0".to_vec(),
                &[Hazard::Cookies],
            ),
        ];
        for (change, expected) in cases {
            let mut seen = seen();
            change(&mut seen);
            assert_eq!(remains(&seen), expected);
        }
    }

    #[test]
    fn who_leads_nothing_is_in_another_session_all_the_same() {
        let mut it = seen();
        it.leads = false;
        (it.line.group, it.line.session) = (41, 41);
        assert_eq!(remains(&it), []);
        (it.line.group, it.line.session) = (8, 7);
        assert_eq!(
            remains(&it)[..2],
            [Hazard::ProcessGroup, Hazard::Session],
            "{:?}",
            remains(&it)
        );
    }

    #[test]
    fn a_name_that_only_begins_alike_is_no_match() {
        let mut it = seen();
        let running = it.running.as_mut().unwrap();
        running.cgroups = "0::/system.slice/a.service-2\n1:x:/system.slice/a.service\n".to_owned();
        running.environment = b"COOKIES=1\0".to_vec();
        assert_eq!(remains(&it), []);
    }

    #[test]
    fn a_caller_in_no_job_object_has_none_to_compare_with() {
        let caller = Caller {
            in_job: false,
            ..caller()
        };
        for in_job in [None, Some(false), Some(true)] {
            let seen = Seen { in_job, ..seen() };
            let report = verify(&planned(), &caller, &seen);
            let left = report.escape(Hazard::JobObject).map(|it| it.state);
            assert_eq!(left, Some(State::Left), "{in_job:?}");
        }
    }

    #[test]
    fn a_job_that_ended_at_once_is_said_to_have() {
        let mut it = seen();
        it.running = None;
        let report = verify(&planned(), &caller(), &it);
        assert_eq!(report.notes.len(), 1);
    }

    #[test]
    fn what_may_not_be_set_is_said() {
        let mut it = seen();
        it.running.as_mut().unwrap().refused = vec!["nofile"];
        let report = verify(&planned(), &caller(), &it);
        let limits = report.escape(Hazard::Limits).unwrap();
        assert_eq!(limits.state, State::Kept);
        assert!(limits.how.contains("nofile"), "{limits:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_compared_without_panic(lines: String, cgroup: String) {
            let _ = is_inside(&lines, &cgroup);
        }
    }
}
