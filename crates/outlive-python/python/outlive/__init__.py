"""Start a process that outlives whoever started it, and keep a durable handle on it.

- `Popen`, `run` and all else of `subprocess`: ``import outlive as subprocess`` runs existing
  programs, and `Popen` takes ``detach=True`` and ``breakaway=True``.
- `create_subprocess_exec` and `create_subprocess_shell`: the same for asyncio.
- `spawnl` … `spawnvpe`: `os.spawn*`, with `P_DETACH` on every system.
- `start` starts a `Job`: its exit code and its output are there for whoever comes later. `job` finds
  one, `jobs` lists them, `events` tells what happens to them, `usage` what they use.
- `daemonize` makes this very program a daemon; `DaemonContext` is PEP 3143's.
- `survey` and `doctor` tell what surrounds this process, and what would be done about it.
"""

import subprocess as _subprocess
import sys as _sys
from subprocess import (
    DEVNULL,
    PIPE,
    STDOUT,
    CalledProcessError,
    CompletedProcess,
    SubprocessError,
    TimeoutExpired,
    list2cmdline,
)

from outlive import flags
from outlive._asyncio import create_subprocess_exec, create_subprocess_shell
from outlive._attached import Attached
from outlive._bin import find_outlive_bin
from outlive._daemon import (
    Closed,
    Daemonized,
    daemonize,
)
from outlive._daemon_context import DaemonContext
from outlive._errors import (
    DamagedError,
    ElsewhereError,
    Error,
    FolderError,
    InputClosedError,
    InvalidError,
    NameInUseError,
    NoSuchJobError,
    NotExecutableError,
    NotFoundError,
    NotRunningError,
    RemainsError,
    RunningError,
    SystemCallError,
    UnsupportedError,
    WaitTimeoutError,
)
from outlive._events import Event, Events, events
from outlive._jobs import (
    Job,
    job,
    jobs,
    prune,
    usage,
)
from outlive._limits import Limits, Usage
from outlive._output import Line
from outlive._popen import Popen
from outlive._report import (
    Escape,
    Report,
    Survey,
    doctor,
    survey,
)
from outlive._run import (
    call,
    check_call,
    check_output,
    getoutput,
    getstatusoutput,
    run,
)
from outlive._spawn import (
    P_DETACH,
    P_NOWAIT,
    P_NOWAITO,
    P_WAIT,
    spawnl,
    spawnle,
    spawnlp,
    spawnlpe,
    spawnv,
    spawnve,
    spawnvp,
    spawnvpe,
)
from outlive._start import start
from outlive._status import OutputForm, Run, Status, Stopped
from outlive.flags import CREATE_BREAKAWAY_FROM_JOB

__all__ = [
    "Attached",
    "CREATE_BREAKAWAY_FROM_JOB",
    "CalledProcessError",
    "Closed",
    "CompletedProcess",
    "DEVNULL",
    "DaemonContext",
    "Daemonized",
    "DamagedError",
    "ElsewhereError",
    "Error",
    "Escape",
    "Event",
    "Events",
    "FolderError",
    "InputClosedError",
    "InvalidError",
    "Job",
    "Limits",
    "Line",
    "NameInUseError",
    "NoSuchJobError",
    "NotExecutableError",
    "NotFoundError",
    "NotRunningError",
    "OutputForm",
    "PIPE",
    "P_DETACH",
    "P_NOWAIT",
    "P_NOWAITO",
    "P_WAIT",
    "Popen",
    "RemainsError",
    "Report",
    "Run",
    "RunningError",
    "STDOUT",
    "Status",
    "Stopped",
    "SubprocessError",
    "Survey",
    "SystemCallError",
    "TimeoutExpired",
    "UnsupportedError",
    "Usage",
    "WaitTimeoutError",
    "call",
    "check_call",
    "check_output",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "daemonize",
    "doctor",
    "events",
    "find_outlive_bin",
    "flags",
    "getoutput",
    "getstatusoutput",
    "job",
    "jobs",
    "list2cmdline",
    "prune",
    "run",
    "spawnl",
    "spawnle",
    "spawnlp",
    "spawnlpe",
    "spawnv",
    "spawnve",
    "spawnvp",
    "spawnvpe",
    "start",
    "survey",
    "usage",
]

if _sys.platform == "win32":
    # It has constants there that other systems lack.
    __all__ += _subprocess.__all__
    globals().update({name: getattr(_subprocess, name) for name in __all__ if name not in globals()})
