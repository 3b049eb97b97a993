"""`DaemonContext`: the interface of PEP 3143, "Standard daemon process library"."""

from __future__ import annotations

import atexit
import os
import signal
import stat
import sys
from types import FrameType, TracebackType
from typing import (
    Any,
    Callable,
    ContextManager,
    Dict,
    Iterable,
    NoReturn,
    Optional,
    Type,
    Union,
)

from outlive import _native
from outlive._daemon import Daemonized, HasFileno, Path, Stream, become
from outlive._errors import UnsupportedError

Handler = Union[Callable[[int, Optional[FrameType]], Any], int, str, None]
PidFile = Union[Path, ContextManager[Any], None]


class DaemonContext:
    """A daemon's settings, and the daemon: the interface of PEP 3143, with its names and defaults, for
    programs that are written for python-daemon::

        import outlive as daemon

        with daemon.DaemonContext(pidfile="/run/echo.pid"):
            serve()

    Its attributes are the arguments, and count as they are when it is opened.

    Args:
        chroot_directory: the folder that becomes the process's root.
        working_directory: the folder that it works in.
        umask: its file mode creation mask. (`daemonize` has 022 by default, which is safer.)
        uid, gid: the numbers of the user and the group that it becomes: by default the real ones of the
            process, which gives up those of a set-user-ID program.
        initgroups: whether it gets the supplementary groups of its user. Otherwise it has none if it
            becomes another user or group (python-daemon leaves it those of root).
        prevent_core: whether it makes no core dump (RLIMIT_CORE is 0), which could show secrets.
        detach_process: whether it becomes a process apart. ``None``: unless it was started by process 1
            or by a super-server such as inetd, whose socket is its standard input.
        files_preserve: files and descriptors that are not closed.
        pidfile: a path, which is handled as `daemonize` handles its `pid_file`; or a context manager,
            which is entered in the daemon when it is opened, and left when it is closed.
        stdin, stdout, stderr: its standard streams: open files, which stay open, or what `daemonize` takes;
            `/dev/null` by default.
        signal_map: handlers by signal: a function; ``None`` to ignore it; or the name of an attribute
            of this object. By default SIGTTIN, SIGTTOU and SIGTSTP are ignored, and SIGTERM is
            `terminate`.

    What PEP 3143 leaves open: the starter waits until the daemon is open, and only then exits with 0;
    if that fails, it prints why and exits with 1. Signals, buffers, forks and service managers are as
    for `daemonize`. On Windows it is refused (`UnsupportedError`).
    """

    def __init__(
        self,
        chroot_directory: Optional[Path] = None,
        working_directory: Path = "/",
        umask: int = 0,
        uid: Optional[int] = None,
        gid: Optional[int] = None,
        initgroups: bool = False,
        prevent_core: bool = True,
        detach_process: Optional[bool] = None,
        files_preserve: Optional[Iterable[Union[int, HasFileno, None]]] = None,
        pidfile: PidFile = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        signal_map: Optional[Dict[int, Handler]] = None,
    ) -> None:
        if not hasattr(os, "getuid"):
            raise UnsupportedError("DaemonContext is for Unix, as PEP 3143 is: use `daemonize`")
        self.chroot_directory = chroot_directory
        self.working_directory = working_directory
        self.umask = umask
        self.uid = os.getuid() if uid is None else uid
        self.gid = os.getgid() if gid is None else gid
        self.initgroups = initgroups
        self.prevent_core = prevent_core
        self.detach_process = _is_to_detach() if detach_process is None else detach_process
        self.files_preserve = files_preserve
        self.pidfile = pidfile
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.signal_map: Dict[int, Handler] = _default_signals() if signal_map is None else signal_map
        self._daemonized: Optional[Daemonized] = None
        self._entered: Optional[ContextManager[Any]] = None
        self._pid = 0

    @property
    def is_open(self) -> bool:
        """Whether it has been opened, and not closed since."""
        return self._daemonized is not None

    def open(self) -> None:
        """Becomes the daemon: it returns there, and the starter exits. Nothing happens if it is open.

        Raises:
            Error, OSError: as `daemonize` does, in the starter.
        """
        if self.is_open:
            return
        # Windows has no such module.
        import resource

        handlers = {number: self._handler(it) for number, it in self.signal_map.items()}
        daemonized = become(self._request(), self.stdin, self.stdout, self.stderr)
        try:
            if self.prevent_core:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for number, handler in handlers.items():
                signal.signal(number, handler)
            pidfile = self.pidfile
            if pidfile is not None and not isinstance(pidfile, (str, os.PathLike)):
                pidfile.__enter__()
                self._entered = pidfile
        except BaseException as error:
            daemonized.__exit__(type(error), error, error.__traceback__)
            raise
        daemonized.ready()
        self._daemonized, self._pid = daemonized, os.getpid()
        atexit.register(self.close)

    def close(self) -> None:
        """Leaves, or removes, the pid file. It is done at the interpreter's end, too; nothing happens if
        it is not open, or in a process that the daemon has forked."""
        daemonized, self._daemonized = self._daemonized, None
        if daemonized is None or self._pid != os.getpid():
            return
        entered, self._entered = self._entered, None
        try:
            if entered is not None:
                entered.__exit__(None, None, None)
        finally:
            daemonized.__exit__(None, None, None)
            atexit.unregister(self.close)

    def terminate(self, signal_number: int, stack_frame: Optional[FrameType]) -> NoReturn:
        """The handler of SIGTERM: ends the program by `SystemExit`, so that it cleans up."""
        raise SystemExit(f"Terminating on signal {signal_number}")

    def __enter__(self) -> DaemonContext:
        self.open()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _handler(self, handler: Handler) -> Any:
        if handler is None:
            return signal.SIG_IGN
        return getattr(self, handler) if isinstance(handler, str) else handler

    def _request(self) -> _native.DaemonRequest:
        preserved = (it for it in self.files_preserve or () if it is not None)
        # The process's own stay as they are, and so do its groups.
        is_another = (self.uid, self.gid) != (os.geteuid(), os.getegid())
        becomes = is_another or self.initgroups
        pidfile = self.pidfile
        return {
            "working_dir": self.working_directory,
            "umask": self.umask,
            "pid_file": pidfile if isinstance(pidfile, (str, os.PathLike)) else None,
            "user": str(self.uid) if becomes else None,
            "group": str(self.gid) if becomes else None,
            "supplementary_groups": [] if is_another and not self.initgroups else None,
            "chroot": self.chroot_directory,
            "streams": [None, None, None],
            "kept": [it if isinstance(it, int) else it.fileno() for it in preserved],
            "detach": self.detach_process,
            "breakaway": "off",
            "ready_timeout": None,
        }


def _default_signals() -> Dict[int, Handler]:
    ignored = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
    return {**dict.fromkeys(ignored), signal.SIGTERM: "terminate"}


def _is_to_detach() -> bool:
    """Whether nobody has started this process in the background."""
    return os.getppid() != 1 and not _is_socket(sys.__stdin__)


def _is_socket(stream: Any) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, ValueError, OSError):
        return False
