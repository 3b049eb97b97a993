"""`spawnl` … `spawnvpe`: `os.spawn*`, with all modes on every system."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

from outlive import _errors, _native
from outlive._child import encoded, pairs

if TYPE_CHECKING:
    from outlive._arguments import Argv, Environment, Path

#: Waits for the program's end; its exit code, or the negative number of the signal that ended it.
P_WAIT: int = os.P_WAIT
#: Returns at once; the process id (on Windows a handle).
P_NOWAIT: int = os.P_NOWAIT
#: The same; on Windows nobody can wait for it.
P_NOWAITO: int = os.P_NOWAITO
#: Starts it apart: in a session of its own, out of what would end it from further outside if it can,
#: and as nobody's child, so that no zombie is left; the process id (on Windows 0, as `os` has it). As
#: with the other modes its standard streams are this process's.
P_DETACH: int = 4

_WINDOWS = sys.platform == "win32"


def _detached(file: Path, args: Argv, env: Optional[Environment]) -> int:
    # As `os.spawnv` has it, in the same order.
    if not isinstance(args, (tuple, list)):
        raise TypeError("argv must be a tuple or a list")
    if not args or not args[0]:
        raise ValueError("argv first element cannot be empty")
    request: _native.SpawnRequest = {
        "program": encoded(file),
        "argv": [encoded(arg) for arg in args],
        "env": None if env is None else pairs(env),
        "cwd": None,
        "umask": None,
        "streams": [None, None, None],
        "null_input": False,
        "kept": [],
        "session": True,
        "group": False,
        "breakaway": "prefer",
    }
    try:
        return _native.disown(request)
    except (_errors.NotFoundError, _errors.NotExecutableError) as error:
        number = error.errno or 0
        raise OSError(number, os.strerror(number), file) from None


def _spawn(
    name: str, mode: int, file: Path, args: Argv, env: Optional[Environment]
) -> int:
    searched = name.endswith(("p", "pe"))
    given = (file, args) if env is None else (file, args, env)
    if _WINDOWS:
        # `os` has no functions there that search in PATH.
        if searched:
            file = shutil.which(os.fspath(file)) or file
        name = "spawnv" if env is None else "spawnve"
        code: int = getattr(os, name)(mode, file, *given[1:])
        return code
    if mode != P_DETACH:
        code = getattr(os, name)(mode, *given)
        return code
    if not searched and not os.path.dirname(os.fspath(file)):
        # What is not searched for is taken from the working folder.
        path = os.fspath(file)
        if isinstance(path, str):
            file = os.path.join(os.curdir, path)
        else:
            file = os.path.join(os.fsencode(os.curdir), path)
    return _detached(file, args, env)


def _split(args: Tuple[Any, ...]) -> Tuple[Tuple[Any, ...], Any]:
    """The arguments, and the environment that stands behind them."""
    return args[:-1], args[-1]


def spawnv(mode: int, file: Path, args: Argv) -> int:
    """Runs the program at the path `file` with `args`, its own name first, as `os.spawnv` does.

    Args:
        mode: `P_WAIT`, `P_NOWAIT`, `P_NOWAITO` or `P_DETACH`. With all but the last this is
            `os.spawnv` itself, which forks this process.

    Returns:
        The exit code or the process id, as the mode says.

    Raises:
        OSError: with `P_DETACH`, if it could not be started. With the other modes that is exit code
            127 on Linux and macOS, as `os.spawnv` has it.

    >>> import outlive
    >>> outlive.spawnv(outlive.P_WAIT, "/bin/sh", ["sh", "-c", "exit 3"])
    3
    """
    return _spawn("spawnv", mode, file, args, None)


def spawnve(mode: int, file: Path, args: Argv, env: Environment) -> int:
    """`spawnv`, with an environment of its own."""
    return _spawn("spawnve", mode, file, args, env)


def spawnvp(mode: int, file: Path, args: Argv) -> int:
    """`spawnv`, of a program that is looked for in ``PATH``."""
    return _spawn("spawnvp", mode, file, args, None)


def spawnvpe(mode: int, file: Path, args: Argv, env: Environment) -> int:
    """`spawnvp`, with an environment of its own, in whose ``PATH`` it is looked for."""
    return _spawn("spawnvpe", mode, file, args, env)


def spawnl(mode: int, file: Path, *args: Path) -> int:
    """`spawnv`, with the arguments one by one."""
    return spawnv(mode, file, args)


def spawnle(mode: int, file: Path, *args: Union[Path, Environment]) -> int:
    """`spawnve`, with the arguments one by one and the environment as the last."""
    rest, env = _split(args)
    return spawnve(mode, file, rest, env)


def spawnlp(mode: int, file: Path, *args: Path) -> int:
    """`spawnvp`, with the arguments one by one."""
    return spawnvp(mode, file, args)


def spawnlpe(mode: int, file: Path, *args: Union[Path, Environment]) -> int:
    """`spawnvpe`, with the arguments one by one and the environment as the last."""
    rest, env = _split(args)
    return spawnvpe(mode, file, rest, env)
