//! `outlive doctor`.

use crate::cli::examples;
use crate::hazards::{self, Tense};
use crate::json::{self, HazardObject};
use crate::output;
use crate::report::Result;
use crate::run::Via;
use outlive::{Plan, Survey, Wish};
use outlive_os::{Kernel, proc};
use serde::Serialize;
use std::fmt::Write;

#[derive(clap::Args)]
#[command(after_help = examples!(
    "  outlive doctor
  outlive doctor --json | jq '.hazards[] | select(.state == \"remains\")'"
))]
pub(crate) struct Args {
    /// As with `outlive run --leave-sandbox`
    #[arg(long)]
    leave_sandbox: bool,

    /// As with `outlive run --no-linger`
    #[arg(long)]
    no_linger: bool,

    /// As with `outlive run --via`
    #[arg(long, value_name = "WAY")]
    via: Option<Via>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Answer<'a> {
    version: &'static str,
    kernel: String,
    user: u32,
    systemd: bool,
    way: &'static str,
    manager: Option<&'static str>,
    enables_lingering: bool,
    hazards: Vec<HazardObject<'a>>,
}

pub(crate) fn main(args: &Args) -> Result<i32> {
    let plan = outlive::plan(&Wish {
        leave_sandbox: args.leave_sandbox,
        linger: !args.no_linger,
        via: args.via.map(Into::into),
        ..Wish::default()
    })?;
    let survey = outlive::survey()?;
    if args.json {
        let (way, manager) = plan.route.way.words();
        json::write(&Answer {
            version: VERSION,
            kernel: proc::system(),
            user: survey.user,
            systemd: survey.systemd,
            way,
            manager,
            enables_lingering: plan.route.enable_linger,
            hazards: plan.report.escapes.iter().map(HazardObject::from).collect(),
        })?;
    } else {
        output::write_styled(&describe(&plan, survey))?;
    }
    Ok(0)
}

fn describe(plan: &Plan, survey: &Survey) -> String {
    let mut out = String::new();
    let dangers = plan.dangers().count();
    let verdict = match dangers {
        0 => "A job that is started here outlives all that is found around it.".to_owned(),
        1 => "One thing here could end a job, and remains:".to_owned(),
        _ => format!("{dangers} things here could end a job, and remain:"),
    };
    writeln!(out, "{verdict}\n").expect("memory");
    if plan.route.enable_linger {
        let text = "Lingering would be enabled for this user (outlive run --no-linger: not).\n";
        writeln!(out, "{text}").expect("memory");
    }
    out.push_str(&hazards::describe(&plan.report, Tense::WouldBe));
    write!(out, "\noutlive {VERSION}, {}", proc::system()).expect("memory");
    if survey.kernel == Kernel::Linux {
        let manager = if survey.systemd {
            "systemd"
        } else {
            "no systemd"
        };
        write!(out, ", user {}, {manager}", survey.user).expect("memory");
    }
    out.push('\n');
    out
}
