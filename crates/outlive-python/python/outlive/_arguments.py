"""The arguments of those who start programs, for type checkers."""

from __future__ import annotations

import os
from typing import (
    IO,
    Any,
    Callable,
    Collection,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypedDict,
    Union,
)

from outlive._apart import Breakaway

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Command = Union[Path, Sequence[Path]]
Stream = Union[None, int, IO[Any]]
#: As `os.spawnv` wants it.
Argv = Union[Tuple[Path, ...], List[str], List[bytes], List[Path]]
Environment = Union[Mapping[str, Path], Mapping[bytes, Path]]


class Later(TypedDict, total=False):
    """What `Popen` takes by name only."""

    user: Union[str, int, None]
    group: Union[str, int, None]
    extra_groups: Optional[Iterable[Union[str, int]]]
    umask: int
    #: From Python 3.10 on.
    pipesize: int
    #: From Python 3.11 on.
    process_group: Optional[int]
    detach: bool
    breakaway: Breakaway


class Start(Later, total=False):
    """What `Popen` takes in any case; that of `subprocess` is told there."""

    executable: Optional[Path]
    preexec_fn: Optional[Callable[[], Any]]
    close_fds: bool
    cwd: Optional[Path]
    env: Optional[Environment]
    #: `subprocess.STARTUPINFO`, which is there on Windows alone.
    startupinfo: Any
    creationflags: int
    restore_signals: bool
    start_new_session: bool
    pass_fds: Collection[int]


class CheckOutput(Start, total=False):
    """What `check_output` takes, whose output is a pipe, but for its input and for what makes that
    text.
    """

    bufsize: int
    shell: bool
    stdin: Stream
    stderr: Stream
    timeout: Optional[float]


class Options(Start, total=False):
    """What `Popen` takes, but for what makes its pipes text."""

    bufsize: int
    shell: bool
    stdin: Stream
    stdout: Stream
    stderr: Stream


class Call(Options, total=False):
    """What `call` and `check_call` take."""

    text: Optional[bool]
    encoding: Optional[str]
    errors: Optional[str]
    universal_newlines: Optional[bool]
    timeout: Optional[float]


class Run(Options, total=False):
    """What `run` takes, but for its input and for what makes its pipes text."""

    capture_output: bool
    timeout: Optional[float]
    check: bool
