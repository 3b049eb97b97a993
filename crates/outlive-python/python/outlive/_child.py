"""A child that is started without a fork of this process."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, Callable, Dict, List, Mapping, Tuple

from outlive import _errors, _native
from outlive._apart import Apart

#: The arguments of `subprocess.Popen._execute_child`, by name.
Arguments = Dict[str, Any]

#: The largest `int` of C: no descriptor is larger.
_INT_MAX = (1 << 31) - 1

#: None (-1), or one without bits that the kernel passes over (umask(2)).
_UMASKS = range(-1, 0o1000)


def takes_fork(it: Arguments) -> bool:
    """Whether this is for `subprocess`'s own fork: what runs or changes something in the child that
    is not asked for often, and what makes so little sense that only `subprocess` knows what comes
    of it.
    """
    args = it["args"]
    first = args[0] if isinstance(args, (list, tuple)) and args else args
    program = it["executable"] if it["executable"] is not None else first
    env = it["env"]
    return (
        it["preexec_fn"] is not None
        or not it["restore_signals"]
        or it["uid"] is not None
        or it["gid"] is not None
        or it["gids"] is not None
        or it.get("process_group", -1) not in (-1, 0)
        or it["umask"] not in _UMASKS
        or program in ("", b"")
        or (isinstance(env, Mapping) and not all(env))
    )


def program_and_arguments(it: Arguments) -> Tuple[Any, List[Any]]:
    """What is run, and its arguments with its name first."""
    args = it["args"]
    if isinstance(args, (str, bytes)):
        argv: List[Any] = [args]
    elif isinstance(args, os.PathLike):
        if it["shell"]:
            raise TypeError("path-like args is not allowed when shell is true")
        argv = [args]
    else:
        argv = list(args)
    if it["shell"]:
        argv = [it["executable"] or "/bin/sh", "-c", *argv]
    return (argv[0] if it["executable"] is None else it["executable"]), argv


def encoded(text: Any) -> bytes:
    as_bytes = os.fsencode(text)
    if b"\0" in as_bytes:
        raise ValueError("embedded null byte")
    return as_bytes


def pairs(env: Any) -> List[Tuple[bytes, bytes]]:
    all_of_it = [(encoded(name), encoded(value)) for name, value in env.items()]
    if any(b"=" in name for name, _ in all_of_it):
        raise ValueError("illegal environment variable name")
    return all_of_it


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


def spawn(it: Arguments, apart: Apart, copied: Callable[[], None]) -> _native.Child:
    """Starts it without a fork of this process; `copied` closes what the child has copies of by
    then.
    """
    program, args = program_and_arguments(it)
    sys.audit("subprocess.Popen", program, args, it["cwd"], it["env"])
    kept = {int(number) for number in it["pass_fds"]}
    if any(not 0 <= number <= _INT_MAX for number in kept):
        raise ValueError("bad value(s) in fds_to_keep")
    if not it["close_fds"]:
        kept.update(_inheritable())
    streams = [it["p2cread"], it["c2pwrite"], it["errwrite"]]
    for number in (*streams, *kept):
        if number != -1:
            # One that is not open is refused as subprocess refuses it.
            os.fstat(number)
    request: _native.SpawnRequest = {
        "program": encoded(program),
        "argv": [encoded(arg) for arg in args],
        "env": None if it["env"] is None else pairs(it["env"]),
        "cwd": None if it["cwd"] is None else encoded(it["cwd"]),
        "umask": None if it["umask"] == -1 else it["umask"],
        "streams": [None if number == -1 else number for number in streams],
        "null_input": apart.no_input,
        "kept": sorted(number for number in kept if number > 2),
        "session": apart.session or bool(it["start_new_session"]),
        "group": apart.group or it.get("process_group", -1) == 0,
        "breakaway": apart.breakaway,
    }
    try:
        return _native.spawn(request, copied)
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
