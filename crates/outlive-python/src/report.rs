//! What is said of surroundings and jobs, as dictionaries.

use crate::failure::unlocked;
use crate::program::look_around;
use crate::usage;
use outlive::{HazardKind, HazardState, Phase, Run, Status, Survey, Wish};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// What became of each hazard.
pub(crate) fn report<'py>(
    py: Python<'py>,
    report: &outlive::Report,
) -> PyResult<Bound<'py, PyDict>> {
    let escapes = PyList::empty(py);
    for escape in &report.escapes {
        let said = PyDict::new(py);
        said.set_item("hazard", escape.hazard.to_string().replace(' ', "-"))?;
        said.set_item(
            "kind",
            match escape.hazard.kind() {
                HazardKind::Lifetime => "lifetime",
                HazardKind::Resource => "resource",
                HazardKind::Protective => "protective",
            },
        )?;
        said.set_item(
            "state",
            match escape.state {
                HazardState::NotPresent => "not-present",
                HazardState::Left => "left",
                HazardState::Kept => "kept",
                HazardState::Remains => "remains",
            },
        )?;
        said.set_item("detail", &escape.detail)?;
        said.set_item("how", &escape.how)?;
        said.set_item("hint", &escape.hint)?;
        escapes.append(said)?;
    }
    let (way, manager) = report.way.words();
    let all = PyDict::new(py);
    all.set_item("way", way)?;
    all.set_item("manager", manager)?;
    all.set_item("escapes", escapes)?;
    all.set_item("notes", &report.notes)?;
    Ok(all)
}

/// How a job stands.
pub(crate) fn status<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("id", &status.id)?;
    all.set_item("name", &status.name)?;
    all.set_item("state", status.state.word())?;
    all.set_item("pid", status.pid)?;
    all.set_item("exit_code", status.exit_code)?;
    all.set_item("signal", status.signal)?;
    all.set_item("command", &status.command)?;
    all.set_item("success", status.success)?;
    all.set_item("cwd", &status.cwd)?;
    all.set_item("started_at", status.started_at.map(seconds))?;
    all.set_item("ended_at", status.ended_at.map(seconds))?;
    all.set_item("times_out_at", status.times_out_at.map(seconds))?;
    all.set_item("restarts_at", status.restarts_at.map(seconds))?;
    all.set_item("restarts", status.restarts)?;
    all.set_item("expires_at", status.expires_at.map(seconds))?;
    all.set_item("grace", status.grace.as_secs_f64())?;
    let readiness = &status.readiness;
    all.set_item("ready", status.ready.when.as_ref().map(ToString::to_string))?;
    all.set_item("ready_at", readiness.ready_at.map(seconds))?;
    all.set_item("ready_timed_out", readiness.timed_out)?;
    all.set_item("status_text", &readiness.status_text)?;
    all.set_item("phase", readiness.phase.map(Phase::word))?;
    all.set_item("main_pid", readiness.main_pid)?;
    all.set_item("watchdog_expired", readiness.watchdog_expired)?;
    all.set_item("user", &status.user)?;
    all.set_item("group", &status.group)?;
    all.set_item("limits", usage::limits(py, &status.limits)?)?;
    all.set_item("oom_kills", status.oom_kills)?;
    all.set_item("is_out_of_memory", status.is_out_of_memory())?;
    all.set_item("output", &status.output)?;
    let form = PyDict::new(py);
    form.set_item("timestamps", status.output_form.timestamps)?;
    form.set_item("split", status.output_form.split)?;
    all.set_item("output_form", form)?;
    all.set_item("terminal", status.terminal.map(|it| (it.columns, it.rows)))?;
    all.set_item("keeper_pid", status.keeper.pid)?;
    all.set_item("keeper_alive", status.keeper.alive)?;
    all.set_item("stopped", status.stopped)?;
    let runs = status.runs.iter().map(|it| run(py, it));
    all.set_item("runs", runs.collect::<PyResult<Vec<_>>>()?)?;
    all.set_item("notes", &status.notes)?;
    let report = status.report.as_ref().map(|it| self::report(py, it));
    all.set_item("report", report.transpose()?)?;
    Ok(all)
}

fn run<'py>(py: Python<'py>, run: &Run) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("pid", run.pid)?;
    all.set_item("exit_code", run.exit_code)?;
    all.set_item("signal", run.signal)?;
    all.set_item("started_at", seconds(run.started_at))?;
    all.set_item("ready_at", run.ready_at.map(seconds))?;
    all.set_item("ended_at", run.ended_at.map(seconds))?;
    all.set_item("failure", &run.failure)?;
    all.set_item("stopped", run.stopped)?;
    all.set_item("timed_out", run.timed_out)?;
    Ok(all)
}

/// Seconds since 1970 in UTC.
pub(crate) fn seconds(at: impl Into<std::time::SystemTime>) -> f64 {
    let at = at.into();
    match at.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// What surrounds this process.
#[pyfunction]
pub(crate) fn survey(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    look_around(py)?;
    let seen: &Survey = unlocked(py, outlive::survey)?;
    let all = PyDict::new(py);
    all.set_item("user", seen.user)?;
    all.set_item("session", seen.process.session)?;
    all.set_item("process_group", seen.process.group)?;
    all.set_item("terminal", &seen.terminal)?;
    let cgroups = seen.cgroups.iter().map(|it| it.path.as_str());
    all.set_item("cgroups", cgroups.collect::<Vec<_>>())?;
    all.set_item("job_object", seen.job.is_some())?;
    all.set_item("systemd", seen.systemd)?;
    let cookies = seen.cookies.iter().map(|it| it.variable.as_str());
    all.set_item("cookies", cookies.collect::<Vec<_>>())?;
    all.set_item("umask", seen.umask)?;
    Ok(all)
}

/// What would be done about each hazard for a job, and what would remain.
#[pyfunction]
pub(crate) fn doctor(
    py: Python<'_>,
    leave_sandbox: bool,
    linger: bool,
) -> PyResult<Bound<'_, PyDict>> {
    look_around(py)?;
    let wish = Wish {
        leave_sandbox,
        linger,
        ..Wish::default()
    };
    let plan = unlocked(py, || outlive::plan(&wish))?;
    let all = report(py, &plan.report)?;
    all.set_item("enables_lingering", plan.route.enable_linger)?;
    Ok(all)
}
