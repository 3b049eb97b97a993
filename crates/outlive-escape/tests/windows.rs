//! The plan's rules and words on Windows. Facts are plain data, so that this is tested everywhere.

mod fixture;

use fixture::nothing;
use outlive_escape::plan::{
    Breakaway, Helpers, JobExit, Level, Passage, Plan, Via, Wish, depends_on_log_out,
    depends_on_unit, depends_on_via, direct_bases, may_stay, plan, route,
};
use outlive_escape::survey::{JobObject, Survey};
use outlive_os::Kernel;
use outlive_record::{Escape, Hazard, ProcessLine, State, Way};

/// A process of a desktop: a console, and perhaps a job object.
fn desktop(job: Option<JobObject>) -> Survey {
    let nothing = nothing();
    Survey {
        kernel: Kernel::Windows,
        user: 0,
        process: ProcessLine {
            group: 0,
            session: 1,
            ..nothing.process
        },
        console: true,
        cgroups: vec![],
        job,
        systemd: false,
        ..nothing
    }
}

fn job(breakaway_ok: bool, silent_breakaway: bool, kill_on_close: bool) -> JobObject {
    JobObject {
        breakaway_ok,
        silent_breakaway,
        kill_on_close,
        ..JobObject::default()
    }
}

fn closed() -> JobObject {
    job(false, false, true)
}

fn of(plan: &Plan, hazard: Hazard) -> &Escape {
    plan.report.escape(hazard).expect("each hazard is told of")
}

/// What is said of a hazard: state, detail, how, hint.
fn said(plan: &Plan, hazard: Hazard) -> (State, &str, &str, Option<&str>) {
    let it = of(plan, hazard);
    (it.state, &it.detail, &it.how, it.hint.as_deref())
}

fn via(via: Via) -> Wish {
    Wish {
        via: Some(via),
        ..Wish::default()
    }
}

fn failed(why: &str) -> Helpers {
    Helpers {
        via: Passage::Failed(why.to_owned()),
        ..Helpers::default()
    }
}

fn off() -> Wish {
    Wish {
        breakaway: Breakaway::Off,
        ..Wish::default()
    }
}

/// Every combination of what a plan depends on there.
fn all() -> Vec<(Survey, Helpers, Wish)> {
    let bits = |count: u32| 0..1u32 << count;
    let mut surveys = vec![desktop(None)];
    for bit in bits(5) {
        let is = |at: u32| bit >> at & 1 == 1;
        let mut survey = desktop(Some(JobObject {
            limits: match is(3) {
                true => vec!["process memory 1 GiB".to_owned()],
                false => vec![],
            },
            ..job(is(0), is(1), is(2))
        }));
        survey.process.session = i32::from(is(4));
        survey.console = is(4);
        surveys.push(survey);
    }
    let passages = [
        Passage::NotTried,
        Passage::By("explorer.exe (process 812)".to_owned()),
        Passage::Failed("access denied (error 5)".to_owned()),
    ];
    let vias = [None, Some(Via::Parent), Some(Via::Service), Some(Via::Task)];
    let breakaways = [Breakaway::Prefer, Breakaway::Require, Breakaway::Off];
    let mut all = Vec::new();
    for survey in &surveys {
        for passage in &passages {
            for via in vias {
                for breakaway in breakaways {
                    for bit in bits(4) {
                        let is = |at: u32| bit >> at & 1 == 1;
                        let helpers = Helpers {
                            breakaway_refused: is(0).then(|| "access denied (error 5)".to_owned()),
                            outer_job: is(1),
                            via: passage.clone(),
                            ..Helpers::default()
                        };
                        let wish = Wish {
                            level: if is(2) { Level::Child } else { Level::Job },
                            detach: !is(3),
                            breakaway,
                            via,
                            ..Wish::default()
                        };
                        all.push((survey.clone(), helpers, wish));
                    }
                }
            }
        }
    }
    all
}

#[test]
fn what_holds_in_every_case() {
    let all = all();
    assert!(all.len() > 15_000);
    for (survey, helpers, wish) in &all {
        let plan = plan(survey, helpers, wish);
        let case = || format!("{survey:?}\n{helpers:?}\n{wish:?}\n{plan:#?}");
        let exit = plan.route.exit;
        assert_eq!(exit, route(survey, helpers, wish).exit, "{}", case());
        let way = plan.route.way;
        assert_eq!(way, plan.report.way, "{}", case());
        assert!(plan.route.bases.is_empty() && !plan.route.enable_linger);
        assert!(!depends_on_log_out(survey, helpers, wish));
        assert_eq!(depends_on_unit(survey, helpers, wish), None);
        let told: Vec<_> = plan.report.escapes.iter().map(|it| it.hazard).collect();
        assert_eq!(told, Hazard::ALL, "{}", case());

        // Somebody else starts it only if that was asked for by name, and may be taken.
        let named = match (way, exit) {
            (Way::Direct, JobExit::Inherit | JobExit::Breakaway) => None,
            (Way::Direct, JobExit::Parent) => Some(Via::Parent),
            (Way::Service, JobExit::Inherit) => Some(Via::Service),
            (Way::Task, JobExit::Inherit) => Some(Via::Task),
            _ => panic!("{}", case()),
        };
        let is_off = wish.breakaway == Breakaway::Off;
        let is_shut = matches!(helpers.via, Passage::Failed(_))
            || (wish.level == Level::Child && wish.via != Some(Via::Parent));
        let expected = wish.via.filter(|_| !is_off && !is_shut);
        assert_eq!(named, expected, "{}", case());
        let untried = helpers.via == Passage::NotTried;
        let asks = depends_on_via(survey, helpers, wish);
        assert_eq!(asks, expected.filter(|_| untried), "{}", case());

        // What is said of the job object.
        let job = of(&plan, Hazard::JobObject);
        match &survey.job {
            None => {
                assert_eq!(job.state, State::NotPresent, "{}", case());
                assert_ne!(exit, JobExit::Breakaway, "{}", case());
            }
            Some(facts) => {
                if exit == JobExit::Breakaway {
                    assert!(facts.breakaway_ok && !is_off, "{}", case());
                    assert_eq!(helpers.breakaway_refused, None, "{}", case());
                }
                let goes = facts.silent_breakaway || exit == JobExit::Breakaway;
                let is_out = named.is_some() || (goes && !helpers.outer_job);
                let expected = match (is_out, is_off) {
                    (true, _) => State::Left,
                    (false, true) => State::Kept,
                    (false, false) => State::Remains,
                };
                assert_eq!(job.state, expected, "{}", case());
                let limits = of(&plan, Hazard::Limits);
                let expected = match (facts.limits.is_empty(), goes || named.is_some()) {
                    (true, _) => State::NotPresent,
                    (false, true) => State::Left,
                    (false, false) => State::Kept,
                };
                assert_eq!(limits.state, expected, "{}", case());
            }
        }
        // A way out that is asked for and not taken is said to be, where there is one to be taken.
        if let (State::Left | State::Remains, None, Some(via), false) =
            (job.state, named, wish.via, is_off)
        {
            let said = format!("; not by --via {via}: ");
            assert!(job.how.contains(&said), "{}", case());
        }

        // The job object is all that `require` could fail for.
        let dangers: Vec<_> = plan.dangers().map(|it| it.hazard).collect();
        let expected: &[Hazard] = match job.state {
            State::Remains => &[Hazard::JobObject],
            _ => &[],
        };
        assert_eq!(dangers, expected, "{}", case());

        // A log-off is outlived only by what is in no session of a log-on.
        let log_off = of(&plan, Hazard::LogOut).state;
        let expected = match (survey.process.session, way) {
            (0, _) => State::NotPresent,
            (_, Way::Service | Way::Task) => State::Left,
            _ => State::Kept,
        };
        assert_eq!(log_off, expected, "{}", case());
        let console = of(&plan, Hazard::Terminal).state;
        let expected = match (survey.console, wish.detach) {
            (false, _) => State::NotPresent,
            (true, true) => State::Left,
            (true, false) => State::Kept,
        };
        assert_eq!(console, expected, "{}", case());

        for escape in &plan.report.escapes {
            let has = matches!(
                escape.hazard,
                Hazard::JobObject
                    | Hazard::LogOut
                    | Hazard::Terminal
                    | Hazard::Limits
                    | Hazard::Pipes
                    | Hazard::Cookies
                    | Hazard::Credentials
            );
            assert!(has || escape.state == State::NotPresent, "{}", case());
            if escape.state != State::NotPresent {
                assert!(
                    !escape.detail.is_empty() && !escape.how.is_empty(),
                    "{}",
                    case()
                );
            }
            if let Some(hint) = &escape.hint {
                assert!(hint.starts_with("outlive run --via "), "{}", case());
                // What can't be taken is not advised.
                let vain = wish.via.filter(|_| is_shut).filter(|_| !is_off);
                let vain = vain.map(|via| format!("--via {via}"));
                assert!(!vain.is_some_and(|it| hint.contains(&it)), "{}", case());
            }
        }
    }
}

#[test]
fn elsewhere_no_way_out_of_a_job_object_is_taken() {
    for kernel in [Kernel::Linux, Kernel::Darwin] {
        for wish in [Via::Parent, Via::Service, Via::Task].map(via) {
            let survey = Survey {
                kernel,
                ..nothing()
            };
            let exit = route(&survey, &Helpers::default(), &wish).exit;
            assert_eq!(exit, JobExit::Inherit);
            assert_eq!(depends_on_via(&survey, &Helpers::default(), &wish), None);
        }
    }
}

#[test]
fn a_keeper_can_be_started_before_the_rest_is_known() {
    assert_eq!(direct_bases(&[], Breakaway::Prefer), Some(vec![]));
    assert!(may_stay(&[]));
}

const CLOSES: &str = "all that is in this job object ends when its last handle is closed";
const ENDS: &str = "all that is in this job object may be ended as one";
const NOBODY: &str = "it lets nobody go (without BREAKAWAY_OK: access denied, error 5)";
const ALL_WAYS: Option<&str> =
    Some("outlive run --via parent, or --via service (elevated), or --via task");

#[test]
fn what_is_said_of_a_job_object() {
    let refused = || Helpers {
        breakaway_refused: Some("access denied (error 5)".to_owned()),
        ..Helpers::default()
    };
    let outer = || Helpers {
        outer_job: true,
        ..Helpers::default()
    };
    let by = |who: &str| Helpers {
        via: Passage::By(who.to_owned()),
        ..Helpers::default()
    };
    let child = |wish: Wish| Wish {
        level: Level::Child,
        ..wish
    };
    let opens = || job(true, false, true);
    let made = JobObject {
        maker: Some(77),
        ..job(false, false, false)
    };
    let breaks = "it breaks away; what limits the job object stays there";
    let silent = "new processes are outside of it (SILENT_BREAKAWAY_OK)";
    type Said<'a> = (State, &'a str, &'a str, Option<&'a str>);
    type Row<'a> = (
        &'a str,
        JobObject,
        Helpers,
        Wish,
        ((Way, JobExit), Said<'a>),
    );
    const INHERIT: (Way, JobExit) = (Way::Direct, JobExit::Inherit);
    const BREAKAWAY: (Way, JobExit) = (Way::Direct, JobExit::Breakaway);
    const PARENT: (Way, JobExit) = (Way::Direct, JobExit::Parent);
    const SERVICE: (Way, JobExit) = (Way::Service, JobExit::Inherit);
    const TASK: (Way, JobExit) = (Way::Task, JobExit::Inherit);
    let wish = Wish::default();
    let none = Helpers::default;
    let (left, kept, remains) = (State::Left, State::Kept, State::Remains);
    let rows: Vec<Row<'_>> = vec![
        (
            "allowed",
            opens(),
            none(),
            wish,
            (BREAKAWAY, (left, CLOSES, breaks, None)),
        ),
        (
            "silent",
            job(false, true, false),
            none(),
            wish,
            (INHERIT, (left, ENDS, silent, None)),
        ),
        (
            "silent, and off",
            job(false, true, false),
            none(),
            off(),
            (INHERIT, (left, ENDS, silent, None)),
        ),
        (
            "refused",
            closed(),
            none(),
            wish,
            (INHERIT, (remains, CLOSES, NOBODY, ALL_WAYS)),
        ),
        (
            "refused, by somebody",
            made,
            none(),
            wish,
            (
                INHERIT,
                (
                    remains,
                    "all that is in this job object may be ended as one (it may be of process 77)",
                    NOBODY,
                    ALL_WAYS,
                ),
            ),
        ),
        (
            "off",
            opens(),
            none(),
            off(),
            (
                INHERIT,
                (kept, CLOSES, "kept, since breakaway is off", None),
            ),
        ),
        (
            "refused by an outer one",
            opens(),
            refused(),
            wish,
            (
                INHERIT,
                (
                    remains,
                    CLOSES,
                    "a job object around this one does not let it go: access denied (error 5)",
                    ALL_WAYS,
                ),
            ),
        ),
        (
            "left for an outer one",
            opens(),
            outer(),
            wish,
            (
                BREAKAWAY,
                (
                    remains,
                    CLOSES,
                    "it leaves this one for one around it, which does not let it go",
                    ALL_WAYS,
                ),
            ),
        ),
        (
            "--via parent, not looked for yet",
            closed(),
            none(),
            via(Via::Parent),
            (
                PARENT,
                (
                    left,
                    CLOSES,
                    "another process is made its parent, and gives it its token and quotas",
                    None,
                ),
            ),
        ),
        (
            "--via parent of a child",
            closed(),
            by("explorer.exe (process 812)"),
            child(via(Via::Parent)),
            (
                PARENT,
                (
                    left,
                    CLOSES,
                    "explorer.exe (process 812) is made its parent, and gives it its token and \
                     quotas",
                    None,
                ),
            ),
        ),
        (
            "--via parent, none found",
            closed(),
            failed("no other process of this user is outside of it"),
            via(Via::Parent),
            (
                INHERIT,
                (
                    remains,
                    CLOSES,
                    "it lets nobody go (without BREAKAWAY_OK: access denied, error 5); not by \
                     --via parent: no other process of this user is outside of it",
                    Some("outlive run --via service (elevated), or --via task"),
                ),
            ),
        ),
        (
            "--via service",
            closed(),
            none(),
            via(Via::Service),
            (
                SERVICE,
                (
                    left,
                    CLOSES,
                    "the service control manager starts it, as a service",
                    None,
                ),
            ),
        ),
        (
            "--via service, not elevated, and breakaway is allowed",
            opens(),
            failed("access denied (error 5)"),
            via(Via::Service),
            (
                BREAKAWAY,
                (
                    left,
                    CLOSES,
                    "it breaks away; what limits the job object stays there; not by --via \
                     service: access denied (error 5)",
                    None,
                ),
            ),
        ),
        (
            "--via service of a child",
            closed(),
            none(),
            child(via(Via::Service)),
            (
                INHERIT,
                (
                    remains,
                    CLOSES,
                    "it lets nobody go (without BREAKAWAY_OK: access denied, error 5); not by \
                     --via service: nobody else can start a child of this process",
                    Some("outlive run --via parent"),
                ),
            ),
        ),
        (
            "--via task",
            closed(),
            none(),
            via(Via::Task),
            (TASK, (left, CLOSES, "the Task Scheduler starts it", None)),
        ),
    ];
    for (name, job, helpers, wish, expected) in rows {
        let plan = plan(&desktop(Some(job)), &helpers, &wish);
        let route = (plan.route.way, plan.route.exit);
        let found = (route, said(&plan, Hazard::JobObject));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn limits_go_with_the_job_object() {
    let limited = |breakaway_ok| JobObject {
        limits: vec!["process memory 1 GiB".to_owned(), "4 processes".to_owned()],
        ..job(breakaway_ok, false, false)
    };
    for (breakaway_ok, state, how) in [
        (
            true,
            State::Left,
            "they are the job object's, and stay there",
        ),
        (
            false,
            State::Kept,
            "they are the job object's, and go with it",
        ),
    ] {
        let survey = desktop(Some(limited(breakaway_ok)));
        let plan = plan(&survey, &Helpers::default(), &Wish::default());
        let expected = (state, "process memory 1 GiB, 4 processes", how, None);
        assert_eq!(said(&plan, Hazard::Limits), expected);
    }
}

#[test]
fn a_plain_desktop_has_a_console_and_a_log_off_and_no_danger() {
    let require = Wish {
        breakaway: Breakaway::Require,
        ..Wish::default()
    };
    let plan = plan(&desktop(None), &Helpers::default(), &require);
    assert_eq!(plan.dangers().count(), 0);
    let console = (
        State::Left,
        "Ctrl-C in this console, or closing it, ends all that is attached to it",
        "it has a console of its own, without a window",
        None,
    );
    assert_eq!(said(&plan, Hazard::Terminal), console);
    let log_off = (
        State::Kept,
        "a log-off ends all that is in session 1",
        "kept, since only a service or a task outlives it",
        Some("outlive run --via service (elevated), or --via task"),
    );
    assert_eq!(said(&plan, Hazard::LogOut), log_off);
    let told = plan.report.brief();
    let told: Vec<_> = told.escapes.iter().map(|it| it.hazard).collect();
    assert_eq!(told, [Hazard::Terminal, Hazard::LogOut]);
}

#[test]
fn what_is_said_of_a_log_off() {
    let mut service = desktop(None);
    service.process.session = 0;
    let detail = "a log-off ends all that is in session 1";
    let (left, kept) = (State::Left, State::Kept);
    for (survey, helpers, wish, expected) in [
        (
            service,
            Helpers::default(),
            Wish::default(),
            (
                State::NotPresent,
                "session 0 is the services', and has no log-off",
                "",
                None,
            ),
        ),
        (
            desktop(None),
            Helpers::default(),
            off(),
            (kept, detail, "kept, since breakaway is off", None),
        ),
        (
            desktop(None),
            Helpers::default(),
            via(Via::Service),
            (left, detail, "a service is in session 0", None),
        ),
        (
            desktop(None),
            Helpers::default(),
            via(Via::Task),
            (left, detail, "its task is in session 0", None),
        ),
        (
            desktop(None),
            failed("access denied (error 5)"),
            via(Via::Service),
            (
                kept,
                detail,
                "kept, since only a service or a task outlives it; not by --via service: access \
                 denied (error 5)",
                Some("outlive run --via task"),
            ),
        ),
        (
            desktop(None),
            failed("there is none"),
            via(Via::Parent),
            (
                kept,
                detail,
                "kept, since only a service or a task outlives it",
                Some("outlive run --via service (elevated), or --via task"),
            ),
        ),
    ] {
        let plan = plan(&survey, &helpers, &wish);
        assert_eq!(said(&plan, Hazard::LogOut), expected, "{wish:?}");
    }
}
