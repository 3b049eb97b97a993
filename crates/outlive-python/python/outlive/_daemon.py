"""`daemonize`: this very program goes on in the background."""

from __future__ import annotations

import atexit
import io
import os
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from errno import EBADF
from types import TracebackType
from typing import (
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    NamedTuple,
    NoReturn,
    Optional,
    Protocol,
    Tuple,
    Type,
    Union,
)

from outlive import _native
from outlive._report import Report
from outlive._waiting import span

Path = Union[str, "os.PathLike[str]"]
Breakaway = Union[bool, Literal["require"]]


class HasFileno(Protocol):
    """An open file, a socket."""

    def fileno(self) -> int: ...


#: A file's path; an open file or its descriptor; `subprocess.DEVNULL`; for standard error, `STDOUT`.
Stream = Union[Path, int, HasFileno, None]

#: What the extension module calls them.
_WORDS: Dict[object, str] = {False: "off", True: "prefer"}

#: The interpreter ignores these itself, so that they are errors (EPIPE, EFBIG): see `signal`.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


class Closed(NamedTuple):
    """A descriptor that was open and is not any more."""

    number: int
    #: What was open there, as ``/proc/self/fd`` had it: a path, ``socket:[4026]``.
    what: str


class Daemonized:
    """This process, once it is a daemon: what `daemonize` returns.

    As a context manager it removes the pid file at the end of its block; otherwise that is done when
    the interpreter ends. An exception that leaves the block before `ready` was called is told to the
    starter, with its traceback.
    """

    def __init__(self, native: _native.Daemonized) -> None:
        self._native = native
        self._is_awaited = True
        #: The descriptors above 2 that were open and are not any more, the lowest first. What still
        #: uses them gets EBADF.
        self.closed: Tuple[Closed, ...] = tuple(Closed(*it) for it in native.closed)
        said = native.report()
        #: What could have ended it, and how that was left, as seen on this process; ``None`` unless
        #: `breakaway` asked for that.
        self.report: Optional[Report] = None if said is None else Report._of(said)
        #: Whether a service manager runs this process, so that it did not fork.
        self.is_supervised: bool = native.is_supervised
        # Whoever has called `daemonize` need not hold on to this.
        atexit.register(self._release)

    def ready(self) -> None:
        """Tells the starter that the daemon does what it is there for: the starter exits with 0.

        Under a service manager, tells that (``READY=1``, sd_notify(3)). Nothing happens if that was
        said before, as it is if `daemonize` was given no `ready_timeout`, or if the starter is gone.

        Raises:
            SystemCallError: if the service manager's socket is gone.
        """
        self._is_awaited = False
        self._native.ready()

    def failed(self, why: Union[str, BaseException]) -> NoReturn:
        """Ends the daemon, which could not become what it is there for, by `SystemExit` with 1.

        The starter prints `why` to its standard error and exits with 1. Under a service manager that is
        told (``STATUS=``), and `why` is printed to this process's own standard error, as it is once
        the daemon was ready. The pid file is removed.

        Args:
            why: a text, or an exception, of which the type and the message are told.
        """
        if isinstance(why, BaseException):
            why = "".join(traceback.format_exception_only(type(why), why)) + self._note(why)
        text = self._give_up(why)
        if text is not None and sys.stderr is not None:
            print(text, file=sys.stderr)
        raise SystemExit(1)

    def __enter__(self) -> Daemonized:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if error is not None and self._is_awaited:
            self._tell(error)
        self._release()

    def _tell(self, error: BaseException) -> None:
        """Has the starter print what the interpreter would."""
        if not isinstance(error, SystemExit):
            lines = traceback.format_exception(type(error), error, error.__traceback__)
            self._give_up("".join(lines) + self._note(error))
        elif error.code is not None and not isinstance(error.code, int):
            self._give_up(str(error.code))

    def _give_up(self, why: str) -> Optional[str]:
        """The text, if no starter has heard it."""
        self._is_awaited = False
        return self._native.give_up(why.rstrip("\n"))

    def _note(self, error: BaseException) -> str:
        if not (self.closed and isinstance(error, OSError) and error.errno == EBADF):
            return ""
        closed = ", ".join(f"{it.number} ({it.what})" for it in self.closed)
        return (
            f"note: when it became a daemon these descriptors were closed: {closed}\n"
            "hint: open them afterwards, or keep them by `keep_descriptors`"
        )

    def _release(self) -> None:
        self._native.release()


def daemonize(
    *,
    working_dir: Path = "/",
    umask: int = 0o022,
    pid_file: Optional[Path] = None,
    user: Union[str, int, None] = None,
    group: Union[str, int, None] = None,
    supplementary_groups: Optional[Iterable[Union[str, int]]] = None,
    chroot: Optional[Path] = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    keep_descriptors: Iterable[Union[int, HasFileno]] = (),
    breakaway: Breakaway = False,
    ready_timeout: Optional[float] = None,
) -> Daemonized:
    """Makes this very program a daemon: it returns in a process of its own that goes on in the
    background, and the process that was started exits. So a script becomes a background process by
    one line, before any thread is started::

        outlive.daemonize(stdout="squares.log", stderr=outlive.STDOUT)

    By default the starter exits with 0 as soon as the daemon runs: a script says nothing more. Given
    `ready_timeout`, it waits for `Daemonized.ready`, and exits with 0 only then; if the daemon fails or
    ends before, it prints why, and exits with 1.

    It does the steps of daemon(7), "SysV Daemons", and of PEP 3143: fork, setsid and fork; descriptors,
    signals, environment, umask, folder; groups, group and user, in this order, verified to be gone.

    Args:
        working_dir: the folder that it works in. A relative path, a late import from ``''`` in
            `sys.path` too, is looked up there afterwards.
        umask: its file mode creation mask. (PEP 3143's is 0, by which everybody may write to what it
            makes.)
        pid_file: a file that its process id is written to, and that is locked for as long as it lives,
            so that there is one of it. It is removed at the interpreter's end.
        user: the user that it becomes, by name or number, with that one's own groups unless they are
            given. Only root may ask for another one.
        group: the group that it is in, by name or number.
        supplementary_groups: all of its supplementary groups, by name or number.
        chroot: the folder that becomes its root (root only).
        stdin, stdout, stderr: its standard streams, `/dev/null` by default: a path (outputs are
            appended to); an open file, a socket, or a descriptor, which also stays open itself;
            `DEVNULL`; and, as `stderr`, `STDOUT`. ``stdout=sys.stdout`` leaves the starter's.
        keep_descriptors: what stays open above 2: numbers, or objects with a ``fileno()``.
        breakaway: whether it also leaves its cgroup: ``True`` if it can; ``"require"`` if it can,
            and else there is no daemon.
        ready_timeout: how many seconds the starter waits for `Daemonized.ready` before it kills the
            daemon; `math.inf` is for ever. ``None``: ready is said at once.

    Raises:
        UnsupportedError: (a `RuntimeError`) if there are more threads than one, with their number; or
            if this is process 1.
        RunningError: if another daemon holds the pid file, which names it.
        SystemCallError: if a folder, a file, a user or a group is not there or may not be used; if it
            can't fork.
        RemainsError: if something that could end it would remain, with ``breakaway="require"``.
        OSError: if a stream can't be opened.

    All of these are raised in the starter, with nothing left behind.

    Signals: handlers that are Python functions stay in force, `KeyboardInterrupt` for SIGINT too; all
    else has its default disposition and nothing is blocked. So SIGTERM, without a handler, ends it at
    once, and the pid file stays, known by its free lock to be nobody's. `faulthandler` has to be enabled
    anew. While the starter waits, Ctrl-C ends it, and not the daemon.

    Forks: what was registered by `os.register_at_fork` is run, once.

    Buffers: `sys.stdout` and `sys.stderr` are flushed before; afterwards a `stdout` that was given is
    flushed after each line, so that a log is complete however the daemon ends.

    Under a service manager that waits to be told (``Type=notify``, NOTIFY_SOCKET), nothing forks,
    streams stay unless they are given, and `ready` tells the manager.

    On macOS and Windows this has never been run. On Windows the program starts itself again, so that
    what comes before runs in both; `pid_file`, `user`, `group`, `supplementary_groups`, `chroot` and
    `keep_descriptors` are refused there.
    """
    request: _native.DaemonRequest = {
        "working_dir": working_dir,
        "umask": umask,
        "pid_file": pid_file,
        "user": None if user is None else str(user),
        "group": None if group is None else str(group),
        "supplementary_groups": None
        if supplementary_groups is None
        else [str(it) for it in supplementary_groups],
        "chroot": chroot,
        "streams": [None, None, None],
        "kept": [_number(it) for it in keep_descriptors],
        "detach": True,
        "breakaway": _WORDS.get(breakaway, str(breakaway)),
        "ready_timeout": span(ready_timeout),
    }
    daemon = become(request, stdin, stdout, stderr)
    if ready_timeout is None:
        daemon.ready()
    return daemon


def become(
    request: _native.DaemonRequest, stdin: Stream, stdout: Stream, stderr: Stream
) -> Daemonized:
    """Becomes a daemon as the request says, with these streams."""
    opened: List[int] = []
    try:
        streams = _open_streams(opened, stdin, stdout, stderr)
        request["streams"] = [None if it is None else _native_number(it) for it in streams]
        # Windows' daemon is another process, which has none of these but as its streams.
        if sys.platform != "win32":
            request["kept"] += [number for number in streams if number is not None and number > 2]
        for file in (sys.stdout, sys.stderr):
            # Closed, or nobody reads it any more: no reason not to go on without it.
            with suppress(AttributeError, ValueError, OSError):
                file.flush()
        sys.audit("os.fork")
        with _handlers_apart():
            native = _native.daemonize(request)
            if not native.is_supervised:
                _align_handlers()
    finally:
        for number in opened:
            os.close(number)
    for name in native.lost:
        os.environ.pop(name, None)
    if streams[1] is not None and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return Daemonized(native)


def _number(it: Union[int, HasFileno]) -> int:
    return it if isinstance(it, int) else it.fileno()


def _open_streams(opened: List[int], *given: Stream) -> List[Optional[int]]:
    """Descriptors for 0, 1 and 2. Those that are opened for it are `opened`, and closed again."""
    streams: List[Optional[int]] = []
    for target, stream in enumerate(given):
        if stream is None:
            streams.append(None)
        elif stream == subprocess.STDOUT and target == 2:
            streams.append(streams[1])
        elif stream == subprocess.DEVNULL or isinstance(stream, (str, os.PathLike)):
            path = os.devnull if stream == subprocess.DEVNULL else stream
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if target else os.O_RDONLY
            opened.append(os.open(path, flags, 0o666))  # type: ignore[arg-type]
            streams.append(opened[-1])
        else:
            number = _number(stream)
            if number < 0:
                name = ("stdin", "stdout", "stderr")[target]
                raise ValueError(f"{name} can't be {stream!r}: nobody would hold its other end")
            streams.append(number)
    return streams


def _native_number(descriptor: int) -> int:
    """What the system has under a descriptor's number: on Windows, a handle."""
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.get_osfhandle(descriptor)
    return descriptor


@contextmanager
def _handlers_apart() -> Iterator[None]:
    """Handlers that are functions are out of force while this lasts: a starter that waits runs no
    Python, and would not hear Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        # It may not set any; and if it is to fork, it is refused.
        yield
        return
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    functions = {number: it for number, it in handlers.items() if callable(it)}
    for number in functions:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in functions.items():
            signal.signal(number, handler)


def _align_handlers() -> None:
    """Dispositions have been reset: what is ignored as far as `signal` knows is not, but for what the
    interpreter ignores itself."""
    ignored = {getattr(signal, name, None) for name in _IGNORED_BY_PYTHON}
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
