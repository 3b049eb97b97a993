"""What could end, stall or limit a process, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from outlive import _native


@dataclass(frozen=True)
class Escape:
    """One hazard around the starter, and what became of it for what was started."""

    #: Which one: ``"terminal"``, ``"process-group"``, ``"session"``, ``"cgroup"``, ``"cookies"``, …
    hazard: str
    #: ``"lifetime"`` (it would end or stall the process; left), ``"resource"`` (a limit that may be
    #: meant; kept) or ``"protective"`` (it protects others; kept).
    kind: str
    #: ``"left"``, ``"kept"``, ``"remains"`` or ``"not-present"``.
    state: str
    #: What is there.
    detail: str
    #: How it was left; or why it is kept or remains.
    how: str
    #: What would change that, if that is known.
    hint: Optional[str]


@dataclass(frozen=True)
class Report:
    """What became of each hazard, as seen on the running process, or, from `doctor`, as planned."""

    #: Who starts it: ``"direct"`` (this process), ``"scoped"`` (this process; a systemd manager moves
    #: it to a scope of its own) or ``"delegated"`` (a systemd manager).
    way: str
    #: The manager, ``"user"`` or ``"system"``, if one has a part in it.
    manager: Optional[str]
    #: Each hazard once; in a report on a process those that are not there are left out.
    escapes: Tuple[Escape, ...]
    #: What else is to be said.
    notes: Tuple[str, ...]

    @property
    def dangers(self) -> List[Escape]:
        """What could end or stall it, and remains."""
        return [it for it in self.escapes if it.state == "remains" and it.kind == "lifetime"]

    def __getitem__(self, hazard: str) -> Escape:
        for escape in self.escapes:
            if escape.hazard == hazard:
                return escape
        raise KeyError(hazard)

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Report:
        escapes = tuple(Escape(**escape) for escape in said["escapes"])
        return cls(said["way"], said["manager"], escapes, tuple(said["notes"]))


@dataclass(frozen=True)
class Survey:
    """What surrounds this process, as it was when this package first looked."""

    user: int
    session: int
    process_group: int
    #: The controlling terminal, if there is one.
    terminal: Optional[str]
    #: The path of its cgroup in each hierarchy that can end it.
    cgroups: Tuple[str, ...]
    #: Whether it is in a job object (Windows).
    job_object: bool
    #: Whether systemd runs this machine or container.
    systemd: bool
    #: Variables in its environment by which a CI runner would hunt it.
    cookies: Tuple[str, ...]
    #: The file mode creation mask.
    umask: int


def survey() -> Survey:
    """What surrounds this process: it reads ``/proc``, and asks and starts nothing."""
    said = _native.survey()
    lists = {name: tuple(said[name]) for name in ("cgroups", "cookies")}
    return Survey(**{**said, **lists})


def doctor(*, leave_sandbox: bool = False, linger: bool = True) -> Report:
    """What would be done about each hazard for a job that is started from here, and what would
    remain. Managers are asked, but nothing is started or changed; ``outlive doctor`` says the same.

    Args:
        leave_sandbox, linger: as for `start`.

    >>> import outlive
    >>> report = outlive.doctor()
    >>> report["session"].state
    'left'
    """
    said = _native.doctor(leave_sandbox, linger)
    return Report._of(said)
