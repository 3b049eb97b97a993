"""What happens to jobs, as it happens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, Iterator, List, Optional, Union

from outlive import _native
from outlive._status import Status, _time
from outlive._waiting import WINDOWS, deadline, loop, span, wait_for, wait_for_async

#: What there is now is not waited for.
_NOW = timedelta()


@dataclass(frozen=True)
class Event:
    """Something that has happened to a job."""

    #: ``"started"``, ``"restarted"``, ``"ready"``, ``"ended"`` or ``"removed"``.
    kind: str
    #: When, in UTC; ``None`` of a removal, which nobody writes down.
    at: Optional[datetime]
    #: The job, as it stood when this was noticed; if it was removed, as it was last seen.
    status: Status

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Event:
        return cls(said["kind"], _time(said["at"]), Status._of(said["status"]))


class Events(Iterator[Event]):
    """What happens to jobs from the moment on that this was made. `events` gives one.

    ``for`` and ``async for`` wait for the next event, and never end by themselves. Signals, and
    Ctrl-C, are heard meanwhile (on Windows when the next event comes).
    """

    def __init__(self, native: _native.Events) -> None:
        self._native = native

    def wait(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event; ``None`` if the time is up first.

        Args:
            timeout: in seconds; for ever if there is none, or with `math.inf`.

        Raises:
            SystemCallError: if no more can be watched; an `OSError`.
        """
        if WINDOWS:
            return _event(self._native.wait(span(timeout)))
        until = deadline(timeout)
        while True:
            event = _event(self._native.wait(_NOW))
            if event is not None or not wait_for(self._native.descriptors(), until):
                return event

    def descriptors(self) -> List[int]:
        """What becomes readable when something may have happened, for an event loop: then
        ``wait(0)`` tells what, until it is ``None``. On Windows they are handles."""
        return self._native.descriptors()

    def __next__(self) -> Event:
        event = self.wait()
        assert event is not None, "only a time that was given can be up"
        return event

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        if WINDOWS:
            return await loop().run_in_executor(None, self.__next__)
        while True:
            event = _event(self._native.wait(_NOW))
            if event is not None:
                return event
            await wait_for_async(self._native.descriptors())


def _event(said: Optional[Dict[str, Any]]) -> Optional[Event]:
    return None if said is None else Event._of(said)


def events(*, home: Union[str, os.PathLike[str], None] = None) -> Events:
    """What happens to jobs from now on, to be iterated over.

    Nobody is asked, and it costs no job anything: keepers write their records, and these are watched
    (inotify(7); kqueue(2) on macOS, ReadDirectoryChangesW on Windows). A job that was started and has
    ended before it was looked at is told of by both events; one that was removed by then by none. The
    end of a job whose keeper was killed is written by nobody, and so is no event.

    Args:
        home: as for `start`. It is made if it is not there yet.

    Raises:
        SystemCallError: if it can't be made, or no more can be watched; an `OSError`.
    """
    return Events(_native.events(home))
