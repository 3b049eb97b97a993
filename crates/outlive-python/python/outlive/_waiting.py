"""Waiting for what the library watches.

It is Python that waits, so that signal handlers run, and may raise, meanwhile (PEP 475), and so that an
event loop can do other things.
"""

from __future__ import annotations

import select
import sys
import threading
import time
from concurrent.futures import Future
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    AsyncIterator,
    Callable,
    Iterator,
    List,
    Optional,
    Protocol,
    Sequence,
    Sized,
    TypeVar,
)

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

#: There what is waited for are handles, which neither select() nor an event loop takes: the library
#: waits for them, in a thread where an event loop runs.
WINDOWS = sys.platform == "win32"

#: The longest that poll(2) waits, in milliseconds.
_POLL_MAX = (1 << 31) - 1

T = TypeVar("T")
P = TypeVar("P", bound=Sized)
P_co = TypeVar("P_co", bound=Sized, covariant=True)


class More(Protocol):
    """What there may be more of."""

    def descriptors(self) -> List[int]:
        """What becomes readable then."""
        ...

    def wait(self) -> None:
        """Waits for that."""


class Coming(More, Protocol[P_co]):
    """What comes piece by piece."""

    def read(self) -> Optional[P_co]:
        """A piece, which is empty at the end; ``None`` if it is to be waited for."""


def span(seconds: Optional[float]) -> Optional[timedelta]:
    """A time as the extension module wants it. What is longer than any, such as `math.inf`, is as long
    as for ever."""
    if seconds is None:
        return None
    if not seconds >= 0:
        raise ValueError(f"a time is a number of seconds from 0 on, and not {seconds}")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return timedelta.max


def deadline(timeout: Optional[float]) -> Optional[float]:
    """When a time that begins now is up."""
    return None if timeout is None else time.monotonic() + timeout


def wait_for(
    descriptors: Sequence[int], deadline: Optional[float], event: Optional[int] = None
) -> bool:
    """Waits until one of them is readable, or what `event` of poll(2) says; false if the time is up
    first."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN if event is None else event)
    while deadline is not None:
        left = max(0, deadline - time.monotonic()) * 1000
        # poll(2) takes an int: what is longer is waited for in parts.
        if poll.poll(min(left, _POLL_MAX)):
            return True
        if left <= _POLL_MAX:
            return False
    poll.poll()
    return True


def wait_for_more(source: More) -> None:
    """Waits until there may be more."""
    if WINDOWS:
        source.wait()
    else:
        wait_for(source.descriptors(), None)


def pieces(source: Coming[P]) -> Iterator[P]:
    """All that comes."""
    while True:
        piece = source.read()
        if piece is None:
            wait_for_more(source)
        elif len(piece):
            yield piece
        else:
            return


def loop() -> AbstractEventLoop:
    """The event loop that runs."""
    # Few programs want to wait for this import; whoever has a loop has done so.
    import asyncio

    return asyncio.get_running_loop()


async def wait_for_async(descriptors: Sequence[int], *, to_write: bool = False) -> None:
    """`wait_for` by the event loop, without a deadline."""
    running = loop()
    ready = running.create_future()
    add, remove = running.add_reader, running.remove_reader
    if to_write:
        add, remove = running.add_writer, running.remove_writer

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    for descriptor in descriptors:
        add(descriptor, wake)
    try:
        await ready
    finally:
        for descriptor in descriptors:
            remove(descriptor)


async def wait_for_more_async(source: More) -> None:
    """`wait_for_more` by the event loop."""
    if WINDOWS:
        await loop().run_in_executor(None, source.wait)
    else:
        await wait_for_async(source.descriptors())


async def pieces_async(source: Coming[P]) -> AsyncIterator[P]:
    """`pieces` for asyncio."""
    while True:
        piece = source.read()
        if piece is None:
            await wait_for_more_async(source)
        elif len(piece):
            yield piece
        else:
            return


def heard(work: Callable[[], T]) -> T:
    """Does what may take long, and lets signal handlers run, and raise, meanwhile: they do in the
    main thread, and so it is done in another one, which then goes on with it."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result()
