//! The plan's rules, over every combination of what they depend on, without a process.

mod fixture;

use fixture::nothing;
use outlive_escape::cookies::{Cookie, GITHUB};
use outlive_escape::kernel::cgroup::{Hierarchy, Kind};
use outlive_escape::plan::{
    Breakaway, Helpers, JobExit, Level, LogOut, Plan, Reach, Reset, Wish, depends_on_log_out, plan,
};
use outlive_escape::survey::{Adopter, Adoption, Limits, Namespace, Sandbox, Survey};
use outlive_record::{Hazard, Manager, State, Way};
use std::path::PathBuf;

const SERVICE: &str = "/system.slice/a.service";
const SESSION: &str = "/user.slice/user-1000.slice/session-3.scope";
const USERS: &str = "/user.slice/user-1000.slice/user@1000.service";
const USER_UNIT: &str = "/user.slice/user-1000.slice/user@1000.service/app.slice/b.service";

fn cgroup(path: &str, base: Option<&str>) -> Hierarchy {
    Hierarchy {
        kind: Kind::Unified,
        path: path.to_owned(),
        folder: Some(PathBuf::from(format!("/sys/fs/cgroup{path}"))),
        base: base.map(|base| PathBuf::from(format!("/sys/fs/cgroup{base}"))),
    }
}

fn hunter() -> Adopter {
    Adopter {
        pid: 9,
        name: "runner".to_owned(),
        harmless: false,
    }
}

/// Every combination of what a plan depends on.
fn all() -> Vec<(Survey, Helpers, Wish)> {
    let cgroups = [
        cgroup("/", None),
        cgroup("/", Some("")),
        cgroup(SERVICE, None),
        cgroup(SERVICE, Some("")),
        cgroup(SESSION, None),
        cgroup(SESSION, Some("")),
        cgroup(USER_UNIT, Some(USERS)),
        cgroup("/by/hand", Some("/by")),
        cgroup("/by/hand", Some("/by/hand")),
        cgroup("/outlive/x.1", Some("")),
    ];
    let adopters = [
        Adoption::First,
        Adoption::By(hunter()),
        Adoption::Unknown("no process could be made".to_owned()),
        Adoption::By(Adopter {
            harmless: true,
            ..hunter()
        }),
    ];
    let namespaces = [
        None,
        Some(Namespace { container: None }),
        Some(Namespace {
            container: Some("docker".to_owned()),
        }),
    ];
    let sandboxes = [
        Sandbox::default(),
        Sandbox {
            no_new_privs: true,
            ..Sandbox::default()
        },
        Sandbox {
            seccomp: true,
            ..Sandbox::default()
        },
    ];
    let reaches = [
        Reach::Absent,
        Reach::There,
        Reach::Failed("it does not answer".to_owned()),
    ];
    let known = |kills, lingers| LogOut::Known { kills, lingers };
    let log_outs = [
        LogOut::NotAsked,
        LogOut::Failed("no logind".to_owned()),
        known(false, false),
        known(true, false),
        known(false, true),
        known(true, true),
    ];
    let mut all = Vec::new();
    for cgroup in &cgroups {
        for adopter in &adopters {
            for namespace in &namespaces {
                for sandbox in &sandboxes {
                    for reach in &reaches {
                        for log_out in &log_outs {
                            for bits in 0..(1 << 6) {
                                let bit = |at: u32| bits >> at & 1 == 1;
                                let mut survey = nothing();
                                survey.user = if bit(0) { 0 } else { 1000 };
                                survey.systemd = !bit(1);
                                survey.cgroups = vec![cgroup.clone()];
                                survey.adoption.clone_from(adopter);
                                survey.namespace.clone_from(namespace);
                                survey.sandbox = *sandbox;
                                let helpers = Helpers {
                                    user: reach.clone(),
                                    system: reach.clone(),
                                    log_out: log_out.clone(),
                                    ..Helpers::default()
                                };
                                let wish = Wish {
                                    level: if bit(2) { Level::Child } else { Level::Job },
                                    breakaway: if bit(3) {
                                        Breakaway::Off
                                    } else {
                                        Breakaway::Prefer
                                    },
                                    leave_sandbox: bit(4),
                                    linger: !bit(5),
                                    ..Wish::default()
                                };
                                all.push((survey, helpers, wish));
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

fn state(plan: &Plan, hazard: Hazard) -> State {
    plan.report
        .escape(hazard)
        .expect("each hazard is told of")
        .state
}

#[test]
fn what_holds_in_every_case() {
    let all = all();
    assert!(all.len() > 50_000);
    for (survey, helpers, wish) in &all {
        let plan = plan(survey, helpers, wish);
        let case = || format!("{survey:?}\n{helpers:?}\n{wish:?}\n{plan:#?}");
        let way = plan.route.way;
        let mut told: Vec<_> = plan.report.escapes.iter().map(|it| it.hazard).collect();
        told.dedup();
        assert_eq!(told, Hazard::ALL, "{}", case());

        // There are no job objects.
        assert_eq!(plan.route.exit, JobExit::Inherit, "{}", case());
        assert!(!matches!(way, Way::Service | Way::Task), "{}", case());
        let job = plan.report.escape(Hazard::JobObject);
        let of_job = job.map(|it| (it.state, &*it.detail));
        assert_eq!(of_job, Some((State::NotPresent, "")), "{}", case());

        // A sandbox is never left unasked.
        let boxed = survey
            .namespace
            .as_ref()
            .is_some_and(|it| it.container.is_none());
        let walled = boxed || survey.sandbox.seccomp;
        let delegated = matches!(way, Way::Delegated(_));
        assert!(!(delegated && walled) || wish.leave_sandbox, "{}", case());
        if survey.sandbox.no_new_privs && !wish.leave_sandbox {
            assert_eq!(state(&plan, Hazard::Sandbox), State::Kept, "{}", case());
        }

        // Nothing is said to be left that the way does not leave.
        if state(&plan, Hazard::Subreaper) == State::Left {
            assert!(delegated, "{}", case());
        }
        if state(&plan, Hazard::PidNamespace) == State::Left {
            assert!(delegated && wish.leave_sandbox, "{}", case());
        }
        if state(&plan, Hazard::Cgroup) == State::Left {
            assert!(
                way != Way::Direct || !plan.route.bases.is_empty(),
                "{}",
                case()
            );
        }

        // A manager is asked only if it is there, or lingering brings it up.
        match way {
            Way::Direct | Way::Service | Way::Task => {}
            Way::Scoped(manager) | Way::Delegated(manager) => {
                let reach = match manager {
                    Manager::User => &helpers.user,
                    Manager::System => &helpers.system,
                };
                assert!(
                    *reach == Reach::There || (plan.route.enable_linger && *reach == Reach::Absent),
                    "{}",
                    case()
                );
                assert_eq!(manager == Manager::System, survey.user == 0, "{}", case());
            }
        }
        assert_eq!(
            (delegated, matches!(way, Way::Scoped(_))),
            match way {
                Way::Direct => (false, false),
                _ => (wish.level == Level::Job, wish.level == Level::Child),
            },
            "{}",
            case()
        );

        if plan.route.enable_linger {
            let lingers = matches!(helpers.log_out, LogOut::Known { lingers: false, .. });
            assert!(wish.linger && survey.user != 0 && lingers, "{}", case());
        }
        if wish.breakaway == Breakaway::Off {
            assert_eq!(way, Way::Direct, "{}", case());
            assert!(
                !plan.route.enable_linger && plan.route.bases.is_empty(),
                "{}",
                case()
            );
            assert_eq!(plan.dangers().count(), 0, "{}", case());
        }
        // What remains has a reason, and what can be done is a command.
        for escape in &plan.report.escapes {
            if escape.state != State::NotPresent {
                assert!(
                    !escape.detail.is_empty() && !escape.how.is_empty(),
                    "{}",
                    case()
                );
            }
        }
        // Logind is asked before a plan relies on what it says.
        if depends_on_log_out(survey, helpers, wish) {
            assert!(survey.user != 0, "{}", case());
        } else if wish.breakaway != Breakaway::Off {
            assert!(!plan.route.enable_linger, "{}", case());
        }
    }
}

/// What becomes of a job: its way, whether lingering is enabled, and what remains.
fn outcome(survey: &Survey, helpers: &Helpers, wish: &Wish) -> (Way, bool, Vec<Hazard>) {
    let plan = plan(survey, helpers, wish);
    let remaining = plan.dangers().map(|it| it.hazard).collect();
    (plan.route.way, plan.route.enable_linger, remaining)
}

fn log_out(kills: bool, lingers: bool) -> Helpers {
    Helpers {
        user: Reach::There,
        system: Reach::There,
        log_out: LogOut::Known { kills, lingers },
        ..Helpers::default()
    }
}

#[test]
fn the_cases_of_the_survival_matrix() {
    let user = Way::Delegated(Manager::User);
    let system = Way::Delegated(Manager::System);
    let no_manager = |log_out| Helpers {
        log_out,
        ..Helpers::default()
    };
    let in_cgroup = |path: &str, base: Option<&str>| Survey {
        cgroups: vec![cgroup(path, base)],
        ..nothing()
    };
    let root = |survey: Survey| Survey { user: 0, ..survey };
    let hunted = |survey: Survey| Survey {
        adoption: Adoption::By(hunter()),
        ..survey
    };
    let boxed = |survey: Survey| Survey {
        namespace: Some(Namespace { container: None }),
        ..survey
    };
    let wish = Wish::default();
    let no_linger = Wish {
        linger: false,
        ..wish
    };
    let leave = Wish {
        leave_sandbox: true,
        ..wish
    };
    let known = |kills, lingers| LogOut::Known { kills, lingers };
    type Row<'a> = (&'a str, Survey, Helpers, Wish, (Way, bool, Vec<Hazard>));
    let rows: Vec<Row<'_>> = vec![
        (
            "K5 root",
            root(in_cgroup(SERVICE, Some(""))),
            log_out(false, false),
            wish,
            (Way::Direct, false, vec![]),
        ),
        (
            "K5 root, cgroups read-only",
            root(in_cgroup(SERVICE, None)),
            log_out(false, false),
            wish,
            (system, false, vec![]),
        ),
        (
            "K5, lingers",
            in_cgroup(SERVICE, None),
            log_out(false, true),
            wish,
            (user, false, vec![]),
        ),
        (
            "K5, lingering brings the manager",
            in_cgroup(SERVICE, None),
            no_manager(known(false, false)),
            wish,
            (user, true, vec![]),
        ),
        (
            "K5, no lingering, no manager",
            in_cgroup(SERVICE, None),
            no_manager(known(false, false)),
            no_linger,
            (Way::Direct, false, vec![Hazard::Cgroup]),
        ),
        (
            "K5, the manager is there until the log-out",
            in_cgroup(SERVICE, None),
            log_out(false, false),
            no_linger,
            (user, false, vec![Hazard::LogOut]),
        ),
        (
            "K5p, a unit that ends its main process alone",
            in_cgroup(SERVICE, None),
            Helpers {
                kill_mode: Some("process".to_owned()),
                ..log_out(false, false)
            },
            wish,
            (Way::Direct, false, vec![]),
        ),
        (
            "K5 in a unit of the user's",
            in_cgroup(USER_UNIT, Some(USERS)),
            log_out(false, true),
            wish,
            (Way::Direct, false, vec![]),
        ),
        (
            "the user's unit, not lingering",
            in_cgroup(USER_UNIT, Some(USERS)),
            log_out(false, false),
            wish,
            (Way::Direct, true, vec![]),
        ),
        (
            "K5b, a subtree of one's own",
            in_cgroup("/by/hand", Some("/by")),
            Helpers::default(),
            wish,
            (Way::Direct, false, vec![Hazard::Cgroup]),
        ),
        (
            "K5b, nothing to be done",
            in_cgroup("/by/hand", None),
            Helpers::default(),
            wish,
            (Way::Direct, false, vec![Hazard::Cgroup]),
        ),
        (
            "K6",
            in_cgroup(SESSION, None),
            log_out(true, false),
            wish,
            (user, true, vec![]),
        ),
        (
            "K6 --no-linger",
            in_cgroup(SESSION, None),
            log_out(true, false),
            no_linger,
            (user, false, vec![Hazard::LogOut]),
        ),
        (
            "K6L",
            in_cgroup(SESSION, None),
            log_out(true, true),
            wish,
            (user, false, vec![]),
        ),
        (
            "K6n",
            in_cgroup(SESSION, None),
            log_out(false, false),
            wish,
            (Way::Direct, false, vec![]),
        ),
        (
            "K6 root",
            root(in_cgroup(SESSION, Some(""))),
            log_out(true, false),
            wish,
            (Way::Direct, false, vec![]),
        ),
        (
            "K7",
            hunted(in_cgroup(SESSION, None)),
            log_out(false, true),
            wish,
            (user, false, vec![]),
        ),
        (
            "K7 in a log-in that would not linger",
            hunted(in_cgroup(SESSION, None)),
            log_out(false, false),
            wish,
            (user, true, vec![]),
        ),
        (
            "K7 root",
            root(hunted(nothing())),
            log_out(false, false),
            wish,
            (system, false, vec![]),
        ),
        (
            "K7 without a manager",
            hunted(nothing()),
            Helpers::default(),
            wish,
            (Way::Direct, false, vec![Hazard::Subreaper]),
        ),
        (
            "K12p",
            boxed(nothing()),
            log_out(false, true),
            wish,
            (Way::Direct, false, vec![Hazard::PidNamespace]),
        ),
        (
            "K12p --leave-sandbox",
            boxed(nothing()),
            log_out(false, true),
            leave,
            (user, false, vec![]),
        ),
        (
            "K12p, nobody visible",
            boxed(nothing()),
            Helpers::default(),
            leave,
            (Way::Direct, false, vec![Hazard::PidNamespace]),
        ),
        (
            "NNP in a service",
            Survey {
                sandbox: Sandbox {
                    no_new_privs: true,
                    ..Sandbox::default()
                },
                ..in_cgroup(SERVICE, None)
            },
            log_out(false, true),
            wish,
            (user, false, vec![]),
        ),
        (
            "seccomp in a service",
            Survey {
                sandbox: Sandbox {
                    seccomp: true,
                    ..Sandbox::default()
                },
                ..in_cgroup(SERVICE, None)
            },
            log_out(false, true),
            wish,
            (Way::Direct, false, vec![Hazard::Cgroup]),
        ),
    ];
    for (name, survey, helpers, wish, expected) in rows {
        assert_eq!(outcome(&survey, &helpers, &wish), expected, "{name}");
    }
}

#[test]
fn a_manager_that_fails_is_named_in_what_remains() {
    let survey = Survey {
        adoption: Adoption::By(hunter()),
        ..nothing()
    };
    let helpers = Helpers {
        user: Reach::Failed("it did not answer within 5 s".to_owned()),
        ..Helpers::default()
    };
    let plan = plan(&survey, &helpers, &Wish::default());
    let subreaper = plan.report.escape(Hazard::Subreaper).unwrap();
    assert!(subreaper.how.contains("did not answer"), "{subreaper:?}");
}

#[test]
fn refused_lingering_is_said_with_what_an_administrator_can_do() {
    let survey = Survey {
        cgroups: vec![cgroup(USER_UNIT, Some(USERS))],
        ..nothing()
    };
    let helpers = Helpers {
        linger_refused: Some("access denied".to_owned()),
        ..log_out(true, false)
    };
    let plan = plan(&survey, &helpers, &Wish::default());
    let log_out = plan.report.escape(Hazard::LogOut).unwrap();
    assert_eq!(log_out.state, State::Remains);
    assert!(log_out.how.contains("access denied"), "{log_out:?}");
    assert_eq!(
        log_out.hint.as_deref(),
        Some("sudo loginctl enable-linger 1000")
    );
}

#[test]
fn resources_are_kept_unless_their_reset_is_asked_for() {
    let limits = Limits {
        nice: 10,
        oom_score_adj: 500,
        ..Limits::default()
    };
    let survey = Survey {
        limits,
        ..nothing()
    };
    let kept = plan(&survey, &Helpers::default(), &Wish::default());
    assert_eq!(state(&kept, Hazard::Limits), State::Kept);
    assert_eq!(kept.route.reset, Reset::default());
    let wish = Wish {
        reset: Reset::ALL,
        ..Wish::default()
    };
    let reset = plan(&survey, &Helpers::default(), &wish);
    assert_eq!(state(&reset, Hazard::Limits), State::Left);
    let wish = Wish {
        reset: Reset {
            nice: true,
            ..Reset::default()
        },
        ..Wish::default()
    };
    let part = plan(&survey, &Helpers::default(), &wish);
    let limits = part.report.escape(Hazard::Limits).unwrap();
    assert_eq!(
        (limits.state, &*limits.detail),
        (State::Kept, "oom_score_adj 500")
    );
    assert!(limits.how.contains("nice 10"), "{limits:?}");
}

#[test]
fn what_a_runner_is_known_to_set_is_set_back_unasked() {
    let limits = Limits {
        oom_score_adj: 500,
        ..Limits::default()
    };
    let cookie = Cookie {
        variable: "RUNNER_TRACKING_ID".to_owned(),
        runner: GITHUB,
    };
    let survey = Survey {
        limits,
        cookies: vec![cookie],
        ..nothing()
    };
    let plan = plan(&survey, &Helpers::default(), &Wish::default());
    assert!(plan.route.reset.oom);
    assert_eq!(state(&plan, Hazard::Cookies), State::Left);
    assert_eq!(state(&plan, Hazard::Limits), State::Left);
}

#[test]
fn limits_that_can_not_be_had_here_are_left_to_a_manager() {
    let limited = |user: u32, reach: Reach, wish: Wish| {
        let mut survey = nothing();
        survey.user = user;
        survey.systemd = true;
        survey.cgroups = vec![cgroup(SESSION, None)];
        let helpers = Helpers {
            user: reach.clone(),
            system: reach,
            log_out: LogOut::Known {
                kills: false,
                lingers: false,
            },
            unlimited: Some("memory (not delegated)".to_owned()),
            ..Helpers::default()
        };
        let without = Helpers {
            unlimited: None,
            ..helpers.clone()
        };
        assert_eq!(plan(&survey, &without, &wish).route.way, Way::Direct);
        plan(&survey, &helpers, &wish)
    };
    let job = Wish::default();
    let users = limited(1000, Reach::There, job);
    assert_eq!(users.route.way, Way::Delegated(Manager::User));
    assert!(users.route.enable_linger, "its manager ends at the log-out");
    assert_eq!(state(&users, Hazard::LogOut), State::Left);
    let roots = limited(0, Reach::There, job);
    assert_eq!(roots.route.way, Way::Delegated(Manager::System));
    for (reach, wish) in [
        (Reach::Failed("it does not answer".to_owned()), job),
        (
            Reach::There,
            Wish {
                breakaway: Breakaway::Off,
                ..job
            },
        ),
        (
            Reach::There,
            Wish {
                level: Level::Child,
                ..job
            },
        ),
    ] {
        assert_eq!(
            limited(1000, reach, wish).route.way,
            Way::Direct,
            "{wish:?}"
        );
    }
}
