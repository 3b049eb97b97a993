"""How jobs stand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Tuple

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
    ended_at: Optional[datetime]


@dataclass(frozen=True)
class Status:
    """How a job stood when it was asked for; times are in UTC."""

    id: str
    name: Optional[str]
    #: ``"running"``, ``"exited"``, ``"signaled"``, ``"failed"`` (could not be started), ``"lost"``
    #: (how it ended is not known), ``"elsewhere"`` (of another host or container) or ``"damaged"``
    #: (its record can't be read).
    state: str
    #: The main process of the newest run.
    pid: Optional[int]
    #: Its exit code, if it exited.
    exit_code: Optional[int]
    #: The signal that ended it, if one did.
    signal: Optional[int]
    command: Tuple[str, ...]
    cwd: str
    started_at: Optional[datetime]
    ended_at: Optional[datetime]
    #: The file with its output.
    output: str
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
    def returncode(self) -> Optional[int]:
        """As `Popen.returncode`: the exit code, or the negative number of the signal."""
        return -self.signal if self.signal is not None else self.exit_code

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Status:
        times = {name: _time(said[name]) for name in ("started_at", "ended_at")}
        runs = tuple(
            Run(
                pid=run["pid"],
                exit_code=run["exit_code"],
                signal=run["signal"],
                started_at=_time(run["started_at"]),
                ended_at=_time(run["ended_at"]),
            )
            for run in said["runs"]
        )
        changed = {
            **times,
            "command": tuple(said["command"]),
            "cwd": os.fspath(said["cwd"]),
            "output": os.fspath(said["output"]),
            "runs": runs,
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
