"""What could end, stall or limit a process, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple


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
