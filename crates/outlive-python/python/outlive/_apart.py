"""How a child is to be apart from its parent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Literal, Optional, Union

from outlive import flags

Breakaway = Union[bool, Literal["require"], None]


@dataclass(frozen=True)
class Apart:
    """How a child is to be apart from its parent."""

    #: A word that the extension module knows.
    breakaway: str
    session: bool
    group: bool
    #: Whether its input is `/dev/null` unless one is given.
    no_input: bool
    niceness: Optional[int]


def asked(detach: bool, breakaway: Breakaway, creationflags: int) -> Optional[Apart]:
    """What is asked for; nothing if it is nothing that `subprocess` can't do."""
    if breakaway not in (None, True, False, "require"):
        raise ValueError(f'breakaway must be True, False or "require", not {breakaway!r}')
    unknown = creationflags & ~flags._KNOWN
    if unknown:
        raise ValueError(f"creationflags has flags that are not known: {unknown:#x}")
    flagged = bool(creationflags & flags.CREATE_BREAKAWAY_FROM_JOB)
    if flagged and breakaway is False:
        raise ValueError("creationflags has CREATE_BREAKAWAY_FROM_JOB, and breakaway is False")
    session = creationflags & (flags.DETACHED_PROCESS | flags.CREATE_NEW_CONSOLE)
    group = creationflags & flags.CREATE_NEW_PROCESS_GROUP
    niceness = [nice for flag, nice in flags._NICENESS.items() if creationflags & flag]
    if len(niceness) > 1:
        raise ValueError("creationflags has more than one priority class")
    if not (detach or breakaway or flagged or session or group or niceness):
        return None
    if breakaway == "require":
        word = "require"
    elif flagged:
        word = "require-container"
    elif breakaway or (detach and breakaway is None):
        word = "prefer"
    else:
        word = "off"
    return Apart(
        breakaway=word,
        session=detach or bool(session),
        group=bool(group),
        no_input=detach,
        niceness=niceness[0] if niceness else None,
    )


def on_windows(detach: bool, breakaway: Breakaway, creationflags: int) -> List[int]:
    """The creation flags with which it is started on Windows: the first ones that its job object
    allows, if it is in one that lets nobody go.
    """
    if detach:
        creationflags |= flags.DETACHED_PROCESS | flags.CREATE_NEW_PROCESS_GROUP
    breaking = creationflags | flags.CREATE_BREAKAWAY_FROM_JOB
    if breakaway == "require":
        return [breaking]
    if breakaway or (detach and breakaway is None):
        return [breaking, creationflags]
    return [creationflags]
