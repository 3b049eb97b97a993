"""Jobs: commands with a durable record, whoever started them."""

from __future__ import annotations

import errno
import os
import select
import signal as signals
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Dict,
    Generator,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

from outlive import _errors, _native
from outlive._bin import find_outlive_bin
from outlive._child import encoded
from outlive._report import Report
from outlive._status import Status, Stopped

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

Text = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Folder = Union[str, "os.PathLike[str]"]

#: There what is waited for are handles, which neither select() nor an event loop takes: the library
#: waits for them, in a thread where an event loop runs.
_WINDOWS = sys.platform == "win32"

#: The longest that poll(2) waits, in milliseconds.
_POLL_MAX = (1 << 31) - 1

T = TypeVar("T")


def _span(seconds: Optional[float]) -> Optional[timedelta]:
    return None if seconds is None else timedelta(seconds=seconds)


class Job:
    """A job. It is there whatever becomes of this object, or of this process.

    `start` and `job` give one. ``await job`` waits for its end as `wait` does.
    """

    def __init__(self, native: _native.Job, home: Optional[Folder]) -> None:
        self._native = native
        self._home = home

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

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
            timeout: in seconds; for ever if there is none.

        Raises:
            WaitTimeoutError: if the time is up, which is a `subprocess.TimeoutExpired`. The job is
                not touched.
        """
        if self._has_ended(timeout):
            return self.status()
        assert timeout is not None, "only a time that was given can be up"
        raise _errors.WaitTimeoutError(self.status().command, timeout)

    def _has_ended(self, timeout: Optional[float]) -> bool:
        if _WINDOWS:
            return self._native.wait(_span(timeout)) is not None
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting = self._native.waiting()
        descriptors = waiting.descriptors()
        while descriptors:
            if not _wait_for(descriptors, deadline):
                return False
            waiting.advance()
            descriptors = waiting.descriptors()
        return True

    def __await__(self) -> Generator[Any, None, Status]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Status:
        if _WINDOWS:
            return await _loop().run_in_executor(None, self.wait)
        waiting = self._native.waiting()
        descriptors = waiting.descriptors()
        while descriptors:
            await _wait_for_async(descriptors)
            waiting.advance()
            descriptors = waiting.descriptors()
        return self.status()

    def output(self, *, latest: bool = False, lines: Optional[int] = None) -> bytes:
        """What it has printed, from the first byte that is still there.

        Args:
            latest: only that of its newest run.
            lines: only the last so many lines.
        """
        return self._native.output(latest, lines).read()

    def follow(self, *, latest: bool = False, lines: Optional[int] = None) -> Iterator[bytes]:
        """What it has printed and goes on printing, piece by piece as it comes, until it has ended.

        ``async for`` goes through `follow_async` likewise.
        """
        following = self._native.follow(latest, lines)
        while True:
            block = following.read()
            if block is None and _WINDOWS:
                following.wait()
            elif block is None:
                _wait_for(following.descriptors(), None)
            elif block:
                yield block
            else:
                return

    async def follow_async(
        self, *, latest: bool = False, lines: Optional[int] = None
    ) -> AsyncIterator[bytes]:
        """`follow` for asyncio."""
        following = self._native.follow(latest, lines)
        while True:
            block = following.read()
            if block is None and _WINDOWS:
                await _loop().run_in_executor(None, following.wait)
            elif block is None:
                await _wait_for_async(following.descriptors())
            elif block:
                yield block
            else:
                return

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
                _heard(lambda: self._native.send(sent))
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
        """Ends it with all of its processes: they are asked to (SIGTERM), and what is left after
        `grace` seconds (10 if none are given) is killed. Nothing is left when this returns."""
        how, found = _heard(lambda: self._native.stop(_span(grace)))
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
        again = _heard(lambda: _native.restart(self._native, _span(grace), keeper))
        return Job(again, self._home)

    def remove(self) -> None:
        """Removes its record and its output.

        Raises:
            RunningError: if it runs.
        """
        self._native.remove()


def _wait_for(descriptors: Sequence[int], deadline: Optional[float]) -> bool:
    """Waits until one of them is readable; false if the time is up first.

    It is Python that waits, so that signal handlers run, and may raise, meanwhile (PEP 475).
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    while deadline is not None:
        left = max(0, deadline - time.monotonic()) * 1000
        # poll(2) takes an int: what is longer is waited for in parts.
        if poll.poll(min(left, _POLL_MAX)):
            return True
        if left <= _POLL_MAX:
            return False
    poll.poll()
    return True


def _heard(work: Callable[[], T]) -> T:
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


def _loop() -> AbstractEventLoop:
    # Few programs want to wait for this import; whoever has a loop has done so.
    import asyncio

    return asyncio.get_running_loop()


async def _wait_for_async(descriptors: Sequence[int]) -> None:
    """The same by the event loop."""
    loop = _loop()
    readable = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    for descriptor in descriptors:
        loop.add_reader(descriptor, wake)
    try:
        await readable
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)


def _changes(env: Optional[Mapping[Any, Any]]) -> Dict[bytes, Optional[bytes]]:
    given = (env or {}).items()
    return {
        encoded(name): None if value is None else encoded(value) for name, value in given
    }


def start(
    args: Union[Text, Sequence[Text]],
    *,
    name: Optional[str] = None,
    cwd: Optional[Text] = None,
    env: Optional[Mapping[Any, Any]] = None,
    clear_env: bool = False,
    secret_env: Sequence[Text] = (),
    umask: Optional[int] = None,
    stdin: Union[Literal["null", "keep"], "os.PathLike[str]"] = "null",
    output: Optional[Folder] = None,
    output_limit: int = 64 << 20,
    output_mode: Literal["file", "pipe", "pty"] = "file",
    until: Literal["main", "tree"] = "main",
    leftover: Literal["stop", "leave"] = "stop",
    breakaway: Union[bool, Literal["require"]] = True,
    leave_sandbox: bool = False,
    linger: bool = True,
    reset: Sequence[str] = (),
    home: Optional[Folder] = None,
) -> Job:
    """Starts a job. When this returns it has been exec'ed, in a session of its own; whatever becomes
    of this process, it goes on, and its exit code and output are there for whoever comes later.

    Args:
        args: the program and its arguments; a single text is a program without any. No shell is
            involved.
        name: a name by which it can be found: 1 to 64 characters, no white space or ``/``. No two
            running jobs have the same.
        cwd: the folder it starts in, instead of this process's.
        env: changes to the environment of this process: a value of ``None`` takes a variable away.
            They are stored in its record.
        clear_env: whether it gets nothing of this process's environment.
        secret_env: variables of this process that it gets without their values being stored.
        umask: its file mode creation mask, instead of this process's.
        stdin: ``"null"``, ``"keep"`` (open for `Job.send`), or the path of a file.
        output: a file that its output is appended to, instead of one in its record.
        output_limit: how many bytes of its own output file are kept; 0 is all.
        output_mode: whether it writes to the file itself, or to a pipe or a terminal that its keeper
            reads.
        until: whether it ends with its main process or with the last process of its tree.
        leftover: whether what its main process leaves behind is stopped.
        breakaway: as for `Popen`.
        leave_sandbox: whether it may leave a sandbox where that is the only way to outlive it.
        linger: whether lingering may be enabled for this user where it would otherwise end at the
            log-out.
        reset: what is set back to what is usual: ``"all"``, or any of ``"limits"``, ``"nice"``,
            ``"affinity"``, ``"oom"``, ``"umask"``, ``"cwd"``.
        home: the state folder, instead of ``$OUTLIVE_HOME`` and the user's own.

    Raises:
        NotFoundError: if the program was not found; a `FileNotFoundError`.
        NotExecutableError: if it can't be executed; a `PermissionError`.
        NameInUseError: if a running job has that name; a `FileExistsError`.
        RemainsError: if ``breakaway="require"`` and something that could end it would remain.
        InvalidError: if something makes no sense; a `ValueError`.
    """
    argv = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
    if not argv:
        raise ValueError("args must have a program in it")
    words = {True: "prefer", False: "off", "require": "require"}
    if breakaway not in words:
        raise ValueError(f'breakaway must be True, False or "require", not {breakaway!r}')
    native = _native.start(
        {
            "home": home,
            "keeper": find_outlive_bin(),
            "argv": [encoded(arg) for arg in argv],
            "name": name,
            "cwd": None if cwd is None else encoded(cwd),
            "env": _changes(env),
            "clear_env": clear_env,
            "secret_env": [encoded(variable) for variable in secret_env],
            "umask": umask,
            "keep_stdin": stdin == "keep",
            "stdin": None if stdin in ("null", "keep") else stdin,
            "output": output,
            "output_limit": output_limit,
            "output_mode": output_mode,
            "until": until,
            "leftover": leftover,
            "breakaway": words[breakaway],
            "leave_sandbox": leave_sandbox,
            "linger": linger,
            "reset": list(reset),
        }
    )
    return Job(native, home)


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
    return _native.prune(_span(older_than), home)
