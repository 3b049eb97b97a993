"""How jobs stand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Tuple

from outlive._limits import Limits
from outlive._report import Report


def _time(seconds: Optional[float]) -> Optional[datetime]:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


@dataclass(frozen=True)
class Run:
    """One run of a job; times are in UTC."""

    pid: Optional[int]
    exit_code: Optional[int]
    signal: Optional[int]
    started_at: Optional[datetime]
    #: When it was seen to be ready, if that was asked for.
    ready_at: Optional[datetime]
    ended_at: Optional[datetime]
    #: Why it could not be started, if so.
    failure: Optional[str]
    #: Whether somebody asked for it to stop.
    stopped: bool
    #: Whether it was stopped because the job's time was over.
    timed_out: bool

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Run:
        times = {name: _time(said[name]) for name in ("started_at", "ready_at", "ended_at")}
        return cls(**{**said, **times})


@dataclass(frozen=True)
class OutputForm:
    """What is written down with each line of a job's output."""

    #: When it was printed.
    timestamps: bool
    #: To which stream.
    split: bool


#: Those of a status, which are ``None`` where there is no such time.
_TIMES = ("started_at", "ended_at", "times_out_at", "restarts_at", "expires_at", "ready_at")


@dataclass(frozen=True)
class Status:
    """How a job stood when it was asked for; times are in UTC."""

    id: str
    name: Optional[str]
    #: ``"running"``, ``"waiting"`` (to be started again), ``"exited"``, ``"signaled"``,
    #: ``"timed-out"`` (it was stopped since its time was over), ``"failed"`` (could not be started),
    #: ``"lost"`` (how it ended is not known), ``"elsewhere"`` (of another host or container) or
    #: ``"damaged"`` (its record can't be read).
    state: str
    #: The main process of the newest run.
    pid: Optional[int]
    #: Its exit code, if it exited.
    exit_code: Optional[int]
    #: The signal that ended it, if one did.
    signal: Optional[int]
    #: Whether it ended as it was meant to (`success_codes` of `start`); ``None`` while it runs, or if
    #: it is not known how it ended.
    success: Optional[bool]
    command: Tuple[str, ...]
    cwd: str
    #: When its newest run started.
    started_at: Optional[datetime]
    #: When its newest run ended.
    ended_at: Optional[datetime]
    #: When it is stopped because its time is over.
    times_out_at: Optional[datetime]
    #: When it is started again, if it waits for that.
    restarts_at: Optional[datetime]
    #: How many times its keeper has started it again since somebody started it.
    restarts: int
    #: When it is removed, if it has ended and is to be.
    expires_at: Optional[datetime]
    #: How many seconds it may take to end when it is asked to.
    grace: float
    #: What shows that it is ready, as `start` was told.
    ready: Optional[str]
    #: When its newest run was seen to be ready.
    ready_at: Optional[datetime]
    #: Whether it was not ready when its time for that was over.
    ready_timed_out: bool
    #: What it says that it does (``STATUS=``, sd_notify(3); so the next two).
    status_text: Optional[str]
    #: What it says that it is about: ``"reloading"`` or ``"stopping"``.
    phase: Optional[str]
    #: Which of its processes it calls its main one.
    main_pid: Optional[int]
    #: Whether it was ended since it did not say in time that it lives.
    watchdog_expired: bool
    #: The user that it was started as, if not its starter's, as `start` was told.
    user: Optional[str]
    #: The group, likewise.
    group: Optional[str]
    #: What it may use.
    limits: Limits
    #: How many processes of its newest run the kernel has ended for lack of memory, as far as its own
    #: cgroup tells (Linux).
    oom_kills: int
    #: Whether lack of memory was the reason of its end.
    is_out_of_memory: bool
    #: The file with its output.
    output: str
    #: What is written down with each line in that file.
    output_form: OutputForm
    #: The size that its own terminal had at first; ``None`` if it has none.
    terminal: Optional[os.terminal_size]
    keeper_pid: Optional[int]
    keeper_alive: bool
    #: Whether somebody asked for it to stop.
    stopped: bool
    #: The last ten, the newest last.
    runs: Tuple[Run, ...]
    #: What else a person should know.
    notes: Tuple[str, ...]
    #: What could have ended the newest run, and how that was left, if its keeper has looked yet.
    report: Optional[Report]

    @property
    def is_ready(self) -> bool:
        """Whether its newest run runs and was seen to be ready; without `ready` it is so as soon as it
        runs."""
        return self.state == "running" and (self.ready is None or self.ready_at is not None)

    @property
    def returncode(self) -> Optional[int]:
        """As `Popen.returncode`: the exit code, or the negative number of the signal."""
        return -self.signal if self.signal is not None else self.exit_code

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Status:
        terminal = said["terminal"]
        changed = {
            **{name: _time(said[name]) for name in _TIMES},
            "command": tuple(said["command"]),
            "cwd": os.fspath(said["cwd"]),
            "limits": Limits(**said["limits"]),
            "output": os.fspath(said["output"]),
            "output_form": OutputForm(**said["output_form"]),
            "terminal": None if terminal is None else os.terminal_size(terminal),
            "runs": tuple(Run._of(run) for run in said["runs"]),
            "notes": tuple(said["notes"]),
            "report": None if said["report"] is None else Report._of(said["report"]),
        }
        return cls(**{**said, **changed})


@dataclass(frozen=True)
class Stopped:
    """What stopping a job came to. Nothing of it is left."""

    #: ``"already-ended"``; ``"whole"``: its keeper, which sees every process of it, ended them; or
    #: ``"found"``: its keeper was gone, and all that could be found of it was ended.
    how: str
    #: How many processes were found.
    found: int
