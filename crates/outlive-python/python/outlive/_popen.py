"""`Popen`: `subprocess.Popen`, and what it lacks to start what outlives its starter."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, AnyStr, Dict, List, Literal, Optional, Tuple, Union

from outlive import _errors, _native, flags
from outlive._report import Report

Breakaway = Union[bool, Literal["require"], None]

_WINDOWS = sys.platform == "win32"

#: The largest `int` of C: no descriptor is larger.
_INT_MAX = (1 << 31) - 1

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


@dataclass(frozen=True)
class _Apart:
    """How a child is to be apart from its parent."""

    #: A word that the extension module knows.
    breakaway: str
    session: bool
    group: bool
    #: Whether its input is `/dev/null` unless one is given.
    no_input: bool
    niceness: Optional[int]


def _apart(detach: bool, breakaway: Breakaway, creationflags: int) -> Optional[_Apart]:
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
    return _Apart(
        breakaway=word,
        session=detach or bool(session),
        group=bool(group),
        no_input=detach,
        niceness=niceness[0] if niceness else None,
    )


class Popen(subprocess.Popen[AnyStr]):
    """`subprocess.Popen`, of which it is a subclass, with two more arguments.

    Without them, and without `creationflags`, everything is `subprocess.Popen`'s own. With them the
    child is started without a fork of this process, however large that is, and in it

    - all signals have their default dispositions, and none is blocked;
    - no parent-death signal is set (PR_SET_PDEATHSIG, prctl(2));
    - variables by which CI runners hunt processes are taken out of an environment that it inherits;
      one that is given as `env` is left as it is;
    - a script without a ``#!`` line is run by ``/bin/sh``, as execvp(3) does.

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
        ValueError: if `detach`, `breakaway` or `creationflags` is given with `preexec_fn`, `user`,
            `group`, `extra_groups`, a `process_group` other than 0, or without `restore_signals`.
        OSError: as `subprocess.Popen` does.

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

    def __init__(
        self, *args: Any, detach: bool = False, breakaway: Breakaway = None, **kwargs: Any
    ) -> None:
        self._escapes: Optional[Report] = None
        self._child: Optional[_native.Child] = None
        self._apart_as: Optional[_Apart] = None
        given = args[_CREATIONFLAGS] if len(args) > _CREATIONFLAGS else kwargs.get("creationflags", 0)
        if _WINDOWS:
            self._init_on_windows(detach, breakaway, given, args, kwargs)
            return
        self._apart_as = _apart(detach, breakaway, given)
        args, kwargs = _with_flags(args, kwargs, 0)
        super().__init__(*args, **kwargs)

    def _init_on_windows(
        self,
        detach: bool,
        breakaway: Breakaway,
        creationflags: int,
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
    ) -> None:
        if detach:
            creationflags |= flags.DETACHED_PROCESS | flags.CREATE_NEW_PROCESS_GROUP
        if breakaway or (detach and breakaway is None):
            breaking = creationflags | flags.CREATE_BREAKAWAY_FROM_JOB
            try:
                args, kwargs = _with_flags(args, kwargs, breaking)
                super().__init__(*args, **kwargs)
                return
            except PermissionError:
                # The job object lets nobody go.
                if breakaway == "require":
                    raise
        args, kwargs = _with_flags(args, kwargs, creationflags)
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
        if self._apart_as is None:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        it = dict(zip(_ARGUMENTS, given))
        _refuse(it)
        argv: List[Any] = _list_of(it["args"], it["shell"])
        if it["shell"]:
            argv = ["/bin/sh", "-c", *argv]
            if it["executable"]:
                argv[0] = it["executable"]
        program = it["executable"] if it["executable"] is not None else argv[0]
        sys.audit("subprocess.Popen", program, argv, it["cwd"], it["env"])
        streams = [it["p2cread"], it["c2pwrite"], it["errwrite"]]
        null = -1
        if streams[0] == -1 and self._apart_as.no_input:
            streams[0] = null = os.open(os.devnull, os.O_RDONLY)
        try:
            self._child = _spawn(it, program, argv, streams, self._apart_as)
        finally:
            if null != -1:
                os.close(null)
        self.pid = self._child.pid
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(it[pipe] for pipe in pipes))  # type: ignore[attr-defined]
        if self._apart_as.niceness is not None:
            # What this user may not do Windows does not do either, silently.
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, self.pid, self._apart_as.niceness)


def _refuse(it: Dict[str, Any]) -> None:
    """Refuses what a start without a fork can't do."""
    asked = {
        "preexec_fn": it["preexec_fn"] is not None,
        "restore_signals=False": not it["restore_signals"],
        "user": it["uid"] is not None,
        "group": it["gid"] is not None,
        "extra_groups": it["gids"] is not None,
        "process_group": it.get("process_group", -1) > 0,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise ValueError(f"{name} can't be given with detach, breakaway or creationflags")


def _list_of(args: Any, shell: bool) -> List[Any]:
    if isinstance(args, (str, bytes)):
        return [args]
    if isinstance(args, os.PathLike):
        if shell:
            raise TypeError("path-like args is not allowed when shell is true")
        return [args]
    return list(args)


def _bytes(text: Any) -> bytes:
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def _pairs(env: Any) -> List[Tuple[bytes, bytes]]:
    pairs = [(_bytes(name), _bytes(value)) for name, value in env.items()]
    if any(b"=" in name for name, _ in pairs):
        raise ValueError("illegal environment variable name")
    return pairs


def _inheritable() -> List[int]:
    """The descriptors above 2 that a program that is run inherits."""
    numbers = (int(name) for name in os.listdir("/dev/fd"))
    found = []
    for number in numbers:
        # The one that lists them is closed by now.
        with suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                found.append(number)
    return found


def _spawn(
    it: Dict[str, Any], program: Any, args: List[Any], streams: List[int], apart: _Apart
) -> _native.Child:
    kept = {int(number) for number in it["pass_fds"]}
    if any(not 0 <= number <= _INT_MAX for number in kept):
        raise ValueError("bad value(s) in fds_to_keep")
    if not it["close_fds"]:
        kept.update(_inheritable())
    for number in (*streams, *kept):
        if number != -1:
            # One that is not open is refused as subprocess refuses it.
            os.fstat(number)
    request: _native.SpawnRequest = {
        "program": _bytes(program),
        "argv": [_bytes(arg) for arg in args],
        "env": None if it["env"] is None else _pairs(it["env"]),
        "cwd": None if it["cwd"] is None else _bytes(it["cwd"]),
        "umask": None if it["umask"] < 0 else it["umask"],
        "streams": [None if number == -1 else number for number in streams],
        "kept": sorted(number for number in kept if number > 2),
        "session": apart.session or bool(it["start_new_session"]),
        "group": apart.group or it.get("process_group", -1) == 0,
        "breakaway": apart.breakaway,
    }
    try:
        return _native.spawn(request)
    except _errors.SystemCallError as error:
        # The class that the number has, such as BlockingIOError where no process may be made.
        number = error.errno or 0
        raise OSError(number, os.strerror(number)) from error
    except (_errors.NotFoundError, _errors.NotExecutableError) as error:
        number = error.errno or 0
        raise OSError(number, os.strerror(number), program) from None
    except _errors.FolderError as error:
        number = error.errno or 0
        raise OSError(number, os.strerror(number), it["cwd"]) from None
