"""What goes wrong, beside what `subprocess` raises."""

from __future__ import annotations

import errno
import subprocess
from typing import List, Optional, Type


class Error(Exception):
    """Something failed: the message names the operation, its object and the cause.

    The exceptions of this package are all of this class and, where one fits, of a built-in class
    too, so that ``except FileNotFoundError`` catches a program that is not there.
    """

    #: What can be done about it, if that is known.
    hint: Optional[str] = None
    #: Names and ids of jobs like the one that was not found.
    near: List[str] = []

    def __str__(self) -> str:
        what = getattr(self, "strerror", None) or (str(self.args[-1]) if self.args else "")
        return f"{what}\nhint: {self.hint}" if self.hint else what


class SystemCallError(Error, OSError):
    """The operating system refused something; ``errno`` says why."""


class NotFoundError(Error, FileNotFoundError):
    """The program was not found."""


class NotExecutableError(Error, PermissionError):
    """The program was found and can't be executed."""


class FolderError(Error, OSError):
    """The folder that it was to start in can't be entered."""


class NoSuchJobError(Error, LookupError):
    """No job, or more than one, was meant; ``near`` has what was perhaps meant."""


class NameInUseError(Error, FileExistsError):
    """A running job has the name that was asked for."""


class ElsewhereError(Error):
    """The job belongs to another host or container."""


class DamagedError(Error):
    """The job's record can't be read."""


class RunningError(Error):
    """The job would have had to have ended; or a daemon has the pid file."""


class NotRunningError(Error, ProcessLookupError):
    """The job, or the process, would have had to run."""


class InputClosedError(Error, BrokenPipeError):
    """The job runs, and reads no more from its standard input."""


class RemainsError(Error, PermissionError):
    """Something that could end it would have remained although it was required to be left."""


class UnsupportedError(Error, NotImplementedError):
    """This system, this version of outlive, or a process with threads, can't do it."""


class InvalidError(Error, ValueError):
    """What was asked for makes no sense, such as a job's name with a ``/`` in it."""


class WaitTimeoutError(Error, subprocess.TimeoutExpired):
    """The time was up; the job was not touched. ``cmd`` is its command, ``timeout`` in seconds."""

    def __str__(self) -> str:
        return subprocess.TimeoutExpired.__str__(self)


#: Error numbers of what comes from no system call.
_NUMBERS = {RemainsError: errno.EACCES, NameInUseError: errno.EEXIST, NotRunningError: errno.ESRCH}


def _make(
    name: str, what: str, number: Optional[int], hint: Optional[str], near: List[str]
) -> Error:
    """The exception for an error of the library's."""
    kind: Type[Error] = globals()[name]
    of_system = issubclass(kind, OSError)
    error: Error = kind(number or _NUMBERS.get(kind, errno.EIO), what) if of_system else kind(what)
    error.hint = hint
    error.near = near
    return error
