"""Jobs: commands with a durable record, whoever started them."""

from __future__ import annotations

import errno
import os
import signal as signals
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Dict,
    Generator,
    Iterator,
    List,
    Optional,
    Tuple,
    Union,
)

from outlive import _errors, _native
from outlive._attached import Attached
from outlive._bin import find_outlive_bin
from outlive._limits import Usage
from outlive._output import Line, part
from outlive._report import Report
from outlive._status import Status, Stopped
from outlive._waiting import (
    WINDOWS,
    deadline,
    heard,
    loop,
    pieces,
    pieces_async,
    span,
    wait_for,
    wait_for_async,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from outlive._output import Part

Folder = Union[str, "os.PathLike[str]"]


class Job:
    """A job. It is there whatever becomes of this object, or of this process.

    `start` and `job` give one. ``await job`` waits for its end as `wait` does.
    """

    def __init__(self, native: _native.Job, home: Optional[Folder]) -> None:
        self._native = native
        self._home = home

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    def __reduce__(self) -> Tuple[Callable[[str], Job], Tuple[str]]:
        """Pickled, it is its id: another process finds it as `job` does."""
        return partial(job, home=self._home), (self.id,)

    @property
    def id(self) -> str:
        """Its id."""
        return self._native.id

    @property
    def pid(self) -> Optional[int]:
        """The main process of its newest run, as far as that is known."""
        return self.status().pid

    @property
    def name(self) -> Optional[str]:
        """The name that it was given."""
        return self.status().name

    def status(self) -> Status:
        """How it stands.

        Raises:
            NoSuchJobError: if it was removed.
        """
        return Status._of(self._native.status())

    @property
    def escapes(self) -> Optional[Report]:
        """What could have ended its newest run, and how that was left, as its keeper saw it on the
        running process. ``None`` if nobody has looked."""
        said = self._native.report()
        return None if said is None else Report._of(said)

    def wait(self, timeout: Optional[float] = None) -> Status:
        """Waits until it has ended; how it stands then. Signals, and Ctrl-C, are heard meanwhile.

        Args:
            timeout: in seconds; for ever if there is none, or with `math.inf`.

        Raises:
            WaitTimeoutError: if the time is up, which is a `subprocess.TimeoutExpired`. The job is
                not touched.
        """
        if WINDOWS:
            said = self._native.wait(span(timeout))
            return self._in_time(None if said is None else Status._of(said), timeout)
        return self._in_time(self._waited(self._native.waiting(), timeout), timeout)

    def wait_ready(self, timeout: Optional[float] = None) -> Status:
        """Waits until it is ready, or can't become so any more; how it stands then. A job that was
        started without `ready` is ready as soon as it runs. Signals, and Ctrl-C, are heard meanwhile.

        What was decided the status tells: `Status.is_ready`; or it was not ready within its own time
        (``ready_timed_out``) and is being stopped, or it has ended before.

        Args:
            timeout: in seconds; for ever if there is none, or with `math.inf`.

        Raises:
            WaitTimeoutError: if the time is up. The job is not touched.

        >>> import outlive
        >>> script = "echo listening; exec sleep 86399"
        >>> job = outlive.start(["sh", "-c", script], ready="log:^listening", ready_timeout=60)
        >>> job.wait_ready().is_ready
        True
        >>> job.stop().how
        'whole'
        """
        if WINDOWS:
            said = self._native.wait_ready(span(timeout))
            return self._in_time(None if said is None else Status._of(said), timeout)
        return self._in_time(self._waited(self._native.waiting_ready(), timeout), timeout)

    def _waited(self, waiting: _native.Waiting, timeout: Optional[float]) -> Optional[Status]:
        """How it stands when a wait is over; nothing if the time is up first."""
        until = deadline(timeout)
        descriptors = waiting.descriptors()
        while descriptors:
            if not wait_for(descriptors, until):
                return None
            waiting.advance()
            descriptors = waiting.descriptors()
        return self.status()

    def _in_time(self, status: Optional[Status], timeout: Optional[float]) -> Status:
        if status is not None:
            return status
        assert timeout is not None, "only a time that was given can be up"
        raise _errors.WaitTimeoutError(self.status().command, timeout)

    def __await__(self) -> Generator[Any, None, Status]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Status:
        if WINDOWS:
            return await loop().run_in_executor(None, self.wait)
        return await self._waited_async(self._native.waiting())

    async def wait_ready_async(self) -> Status:
        """`wait_ready` for asyncio; `asyncio.wait_for` gives it a time."""
        if WINDOWS:
            return await loop().run_in_executor(None, self.wait_ready)
        return await self._waited_async(self._native.waiting_ready())

    async def _waited_async(self, waiting: _native.Waiting) -> Status:
        descriptors = waiting.descriptors()
        while descriptors:
            await wait_for_async(descriptors)
            waiting.advance()
            descriptors = waiting.descriptors()
        return self.status()

    def usage(self) -> Optional[Usage]:
        """What it uses now, all of its processes together; ``None`` if it does not run.

        Raises:
            NoSuchJobError: if it was removed.
        """
        said = self._native.usage()
        return None if said is None else Usage._of(said)

    def output(self, **wanted: Unpack[Part]) -> bytes:
        """What it has printed, from the first byte that is still there.

        Args:
            latest: only what it has printed since somebody started it last.
            lines: only the last so many lines, of those that the rest leaves.
            since, until: a `datetime`; only what was printed then or later, and before then. One
                without a time zone is local. The job must have been started with `timestamps`.
            stream: only what was printed to ``"stdout"`` or ``"stderr"``. The job must have been
                started with `split`.

        Raises:
            UnsupportedError: if what is asked for was not written down with the output.
        """
        return self._native.output(part(**wanted)).read()

    def follow(self, **wanted: Unpack[Part]) -> Iterator[bytes]:
        """What it has printed and goes on printing, piece by piece as it comes, until it has ended.

        Args and errors are those of `output`. ``async for`` goes through `follow_async` likewise.
        """
        return pieces(self._native.follow(part(**wanted)))

    def follow_async(self, **wanted: Unpack[Part]) -> AsyncIterator[bytes]:
        """`follow` for asyncio."""
        return pieces_async(self._native.follow(part(**wanted)))

    def lines(self, **wanted: Unpack[Part]) -> Iterator[Line]:
        """The lines that it has printed, with the time and the stream of each if these were written
        down (`timestamps` and `split` of `start`). Args and errors are those of `output`.

        >>> import outlive
        >>> script = "echo ready; echo trouble >&2"
        >>> job = outlive.start(["sh", "-c", script], timestamps=True, split=True)
        >>> status = job.wait()
        >>> for line in job.lines(since=status.started_at, stream="stderr"):
        ...     print(line.stream, line.text, line.time <= status.ended_at)
        stderr b'trouble' True
        """
        several = pieces(self._native.lines(part(**wanted)))
        return map(Line._of, chain.from_iterable(several))

    def follow_lines(self, **wanted: Unpack[Part]) -> Iterator[Line]:
        """`lines`, and those that come, each when it has ended, until the job has."""
        several = pieces(self._native.follow_lines(part(**wanted)))
        return map(Line._of, chain.from_iterable(several))

    def follow_lines_async(self, **wanted: Unpack[Part]) -> AsyncIterator[Line]:
        """`follow_lines` for asyncio."""
        coming = pieces_async(self._native.follow_lines(part(**wanted)))
        return (Line._of(line) async for several in coming for line in several)

    def attach(self, *, lines: Optional[int] = None) -> Attached:
        """Sits down at its terminal (`tty` of `start`), and reads from the beginning of its newest
        run on.

        Args:
            lines: only from the last so many lines on; 0 is what comes from now on.

        Raises:
            NotRunningError: if it has ended.
            UnsupportedError: if it has no terminal.
        """
        return Attached(self._native.attach(part(latest=True, lines=lines)))

    def send(self, data: Union[str, bytes], *, eof: bool = False) -> None:
        """Writes to its standard input, if it was started with ``stdin="keep"``. Text is UTF-8.

        Args:
            eof: whether it then reads to the end: nobody can send it more.

        Raises:
            InputClosedError: if it has closed it.
            NotRunningError: if it has ended.
            UnsupportedError: if its standard input is not open.
        """
        if data:
            sent = data.encode() if isinstance(data, str) else data
            try:
                heard(lambda: self._native.send(sent))
            except BrokenPipeError as error:
                raise self._closed() from error
        if eof:
            # What was sent may have been its last word.
            with suppress(_errors.NotRunningError):
                self._native.close_stdin()

    def _closed(self) -> _errors.Error:
        """Why nobody reads what is sent."""
        what = f"failed to write to `{self.id}`"
        if self.status().state != "running":
            return _errors._make("NotRunningError", f"{what}: it has ended", None, None, [])
        what = f"{what}: it has closed its standard input"
        return _errors._make("InputClosedError", what, errno.EPIPE, None, [])

    def stop(self, grace: Optional[float] = None) -> Stopped:
        """Ends it with all of its processes: they are asked to, by its `stop_signal`, and what is left
        after `grace` seconds (its own if none are given) is killed. Nothing is left when this returns.
        """
        how, found = heard(lambda: self._native.stop(span(grace)))
        return Stopped(how, found)

    def kill(self, signal: int = getattr(signals, "SIGKILL", 9), *, tree: bool = False) -> None:
        """Sends a signal to its main process, or to every process of it.

        Raises:
            InvalidError: if there is no such signal.
            NotRunningError: if it has ended.
        """
        self._native.kill(signal, tree)

    def restart(self, grace: Optional[float] = None) -> Job:
        """Starts it again under its id, with the environment of this process and what was set for
        it. If it runs it is stopped first, with `grace` as for `stop`."""
        keeper = find_outlive_bin()
        again = heard(lambda: _native.restart(self._native, span(grace), keeper))
        return Job(again, self._home)

    def remove(self) -> None:
        """Removes its record and its output.

        Raises:
            RunningError: if it runs.
        """
        self._native.remove()


def job(key: str, *, home: Optional[Folder] = None) -> Job:
    """The job with this id or name (the newest of that name), or the only one whose id or name begins
    so.

    Raises:
        NoSuchJobError: if there is none, or more than one; a `LookupError`.
    """
    return Job(_native.find(key, home), home)


def jobs(*, home: Optional[Folder] = None) -> List[Status]:
    """How all jobs stand, the oldest first."""
    return [Status._of(said) for said in _native.list(home)]


def prune(older_than: Optional[float] = None, *, home: Optional[Folder] = None) -> List[str]:
    """Removes the records and outputs of jobs that have ended, with `older_than` of those that ended
    at least so many seconds ago; their ids."""
    return _native.prune(span(older_than), home)


def usage(*, home: Optional[Folder] = None) -> Dict[str, Usage]:
    """What all running jobs use now, by their ids: the machine's processes are looked at once for all
    of them, where that is needed."""
    return {id: Usage._of(said) for id, said in _native.usage_of_all(home).items()}
