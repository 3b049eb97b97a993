"""What jobs have printed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Literal, Optional, TypedDict

from outlive._status import _time


class Part(TypedDict, total=False):
    """Which part of an output is wanted; all of it if nothing is said."""

    #: Only what it has printed since somebody started it last.
    latest: bool
    #: Only the last so many lines.
    lines: Optional[int]
    #: Only what was printed at this time or later; one without a time zone is local.
    since: Optional[datetime]
    #: Only what was printed before this time.
    until: Optional[datetime]
    #: Only what was printed to this stream.
    stream: Optional[Literal["stdout", "stderr"]]


def part(
    *,
    latest: bool = False,
    lines: Optional[int] = None,
    since: Optional[datetime] = None,
    until: Optional[datetime] = None,
    stream: Optional[Literal["stdout", "stderr"]] = None,
) -> Dict[str, Any]:
    """As the extension module wants it."""
    if lines is not None and lines < 0:
        raise ValueError(f"lines can't be negative: {lines}")
    return {
        "latest": latest,
        "lines": lines,
        "since": None if since is None else since.astimezone(timezone.utc),
        "until": None if until is None else until.astimezone(timezone.utc),
        "stream": stream,
    }


@dataclass(frozen=True)
class Line:
    """A line of a job's output."""

    #: When its first part was printed, in UTC, to the microsecond, as its keeper read it; ``None``
    #: of a job without `timestamps`.
    time: Optional[datetime]
    #: ``"stdout"`` or ``"stderr"``; ``None`` of a job without `split`.
    stream: Optional[Literal["stdout", "stderr"]]
    #: What was printed, without the line's end; any bytes.
    text: bytes
    #: Whether the line ends here: if not, it goes on in the next one since it is longer than a
    #: megabyte, or the output ends within it.
    ends: bool

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Line:
        return cls(**{**said, "time": _time(said["time"])})
