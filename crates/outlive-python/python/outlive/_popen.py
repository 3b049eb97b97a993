"""`Popen`: `subprocess.Popen`, and what it lacks to start what outlives its starter."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from contextlib import suppress
from typing import (
    TYPE_CHECKING,
    Any,
    AnyStr,
    Callable,
    Collection,
    Dict,
    Literal,
    Optional,
    Tuple,
    overload,
)

from outlive import _child, _errors, _native
from outlive._apart import Apart, Breakaway, asked, on_windows
from outlive._report import Report

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from outlive._arguments import Command, Environment, Later, Options, Path, Stream

_WINDOWS = sys.platform == "win32"

if sys.platform != "win32":
    # Not when it is needed: who has become another user by then may not be able to read it.
    from outlive import _forked

#: Where `creationflags` stands among the arguments of `subprocess.Popen`, which are documented.
_CREATIONFLAGS = 13

#: Names of the arguments of `subprocess.Popen._execute_child`: newer versions have more of them.
_ARGUMENTS = list(inspect.signature(subprocess.Popen._execute_child).parameters)[1:]  # type: ignore[attr-defined]


def _with_flags(
    args: Tuple[Any, ...], kwargs: Dict[str, Any], creationflags: int
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """The arguments with these flags in place of theirs."""
    if len(args) > _CREATIONFLAGS:
        return (*args[:_CREATIONFLAGS], creationflags, *args[_CREATIONFLAGS + 1 :]), kwargs
    return args, {**kwargs, "creationflags": creationflags}


class Popen(subprocess.Popen[AnyStr]):
    """`subprocess.Popen`, of which it is a subclass, with two more arguments.

    Without them, and without `creationflags`, everything is `subprocess.Popen`'s own. With them the
    child is started without a fork of this process, however large that is, and in it

    - all signals have their default dispositions, and none is blocked;
    - no parent-death signal is set (PR_SET_PDEATHSIG, prctl(2));
    - variables by which CI runners hunt processes are taken out of an environment that it inherits;
      one that is given as `env` is left as it is;
    - a script without a ``#!`` line is run by ``/bin/sh``, as execvp(3) does.

    With `preexec_fn`, `user`, `group`, `extra_groups`, a `process_group` above 0 or
    ``restore_signals=False`` `subprocess` itself forks the child. That halts before its `preexec_fn`
    and its exec until it has left what it is to leave, so that nothing that these start stays
    behind. The signals of one with ``restore_signals=False`` are as `subprocess` leaves them, and
    the last point does not hold.

    Args:
        detach: whether it leaves this process's session, process group and terminal (setsid(2)). Its
            standard input is then `/dev/null` unless one is given.
        breakaway: whether it leaves what would end it from further outside, such as the cgroup of
            a service: ``True`` if it can, which is what `detach` implies; ``"require"`` if it can,
            and else nothing is started; ``False`` not at all. It stays a child of this process.
        creationflags: on every system, see `outlive.flags`. With ``CREATE_BREAKAWAY_FROM_JOB`` it
            leaves the cgroup (Linux) or the job object (Windows), or nothing is started.

    Raises:
        PermissionError: if it was required to leave what it can't leave; an `outlive.RemainsError`,
            which says what and why.
        ValueError: if `breakaway` or `creationflags` makes no sense.
        OSError, subprocess.SubprocessError: as `subprocess.Popen` does.

    On Windows `detach` is ``DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP``, `breakaway` is
    ``CREATE_BREAKAWAY_FROM_JOB``, and `subprocess` does all of it. On macOS there is nothing to
    break away from.

    >>> import outlive
    >>> with outlive.Popen(["echo", "hello"], stdout=outlive.PIPE, text=True, detach=True) as p:
    ...     print(p.stdout.read(), end="")
    hello
    >>> p.returncode
    0
    """

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Popen[str],
            args: Command,
            *,
            text: Literal[True],
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[str],
            args: Command,
            *,
            encoding: str,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            errors: Optional[str] = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[str],
            args: Command,
            *,
            errors: str,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[str],
            args: Command,
            *,
            universal_newlines: Literal[True],
            text: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[bytes],
            args: Command,
            *,
            text: Optional[Literal[False]] = None,
            universal_newlines: Optional[Literal[False]] = None,
            encoding: None = None,
            errors: None = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[Any],
            args: Command,
            *,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            **options: Unpack[Options],
        ) -> None: ...

        @overload
        def __init__(
            self: Popen[Any],
            args: Command,
            bufsize: int,
            executable: Optional[Path] = None,
            stdin: Stream = None,
            stdout: Stream = None,
            stderr: Stream = None,
            preexec_fn: Optional[Callable[[], Any]] = None,
            close_fds: bool = True,
            shell: bool = False,
            cwd: Optional[Path] = None,
            env: Optional[Environment] = None,
            universal_newlines: Optional[bool] = None,
            startupinfo: Any = None,
            creationflags: int = 0,
            restore_signals: bool = True,
            start_new_session: bool = False,
            pass_fds: Collection[int] = (),
            *,
            text: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            **options: Unpack[Later],
        ) -> None: ...

    def __init__(
        self, *args: Any, detach: bool = False, breakaway: Breakaway = None, **kwargs: Any
    ) -> None:
        self._escapes: Optional[Report] = None
        self._child: Optional[_native.Child] = None
        self._apart_as: Optional[Apart] = None
        given = args[_CREATIONFLAGS] if len(args) > _CREATIONFLAGS else kwargs.get("creationflags", 0)
        if _WINDOWS:
            *attempts, last = on_windows(detach, breakaway, given)
            for creationflags in attempts:
                with suppress(PermissionError):
                    args, kwargs = _with_flags(args, kwargs, creationflags)
                    super().__init__(*args, **kwargs)
                    return
            args, kwargs = _with_flags(args, kwargs, last)
            super().__init__(*args, **kwargs)
            return
        self._apart_as = asked(detach, breakaway, given)
        args, kwargs = _with_flags(args, kwargs, 0)
        super().__init__(*args, **kwargs)

    @property
    def escapes(self) -> Optional[Report]:
        """What could have ended the child, and how that was left, as seen on it when this is first
        asked for. ``None`` for one that `subprocess` started by itself.

        Raises:
            NotRunningError: if that is first asked for when it has been waited for.
        """
        child = self._child
        if self._escapes is None and child is not None:
            self._escapes = Report._of(child.escapes())
        if self._escapes is None and self._apart_as is not None:
            raise _errors._make(
                "NotRunningError", f"failed to look at {self.args!r}: it has ended", None, None, []
            )
        return self._escapes

    def _handle_exitstatus(self, *given: Any, **more: Any) -> None:
        super()._handle_exitstatus(*given, **more)  # type: ignore[misc]
        # It holds a descriptor, which nobody needs once the child has been waited for.
        self._child = None

    def _execute_child(self, *given: Any) -> None:
        apart = self._apart_as
        if apart is None:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        it = dict(zip(_ARGUMENTS, given))
        if _child.takes_fork(it):
            self._child = _forked.start(self, it, apart)
        else:
            self._start(it, apart)
        if apart.niceness is not None:
            # What this user may not do Windows does not do either, silently.
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, self.pid, apart.niceness)

    def _start(self, it: _child.Arguments, apart: Apart) -> None:
        """Does what `subprocess.Popen._execute_child` does, without a fork."""
        names = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")

        def copied() -> None:
            self._close_pipe_fds(*(it[name] for name in names))  # type: ignore[attr-defined]

        self._child = child = _child.spawn(it, apart, copied)
        self.pid = child.pid
        self._child_created = True
