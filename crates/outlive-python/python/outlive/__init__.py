"""Start a process that outlives whoever started it, and keep a durable handle on it.

- `Popen`, `run` and all else of `subprocess`: ``import outlive as subprocess`` runs existing
  programs, and `Popen` takes ``detach=True`` and ``breakaway=True``.
- `spawnl` … `spawnvpe`: `os.spawn*`, with `P_DETACH` on every system.
- `start` starts a `Job`: its exit code and its output are there for whoever comes later. `job` finds
  one, `jobs` lists them.
- `daemonize` makes this very program a daemon; `DaemonContext` is PEP 3143's.
- `survey` and `doctor` tell what surrounds this process, and what would be done about it.
"""

import subprocess as _subprocess
from subprocess import (
    DEVNULL as DEVNULL,
    PIPE as PIPE,
    STDOUT as STDOUT,
    CalledProcessError as CalledProcessError,
    CompletedProcess as CompletedProcess,
    SubprocessError as SubprocessError,
    TimeoutExpired as TimeoutExpired,
    list2cmdline as list2cmdline,
)

from outlive import flags as flags
from outlive._bin import find_outlive_bin as find_outlive_bin
from outlive._daemon import (
    Closed as Closed,
    Daemonized as Daemonized,
    daemonize as daemonize,
)
from outlive._daemon_context import DaemonContext as DaemonContext
from outlive._errors import (
    DamagedError as DamagedError,
    ElsewhereError as ElsewhereError,
    Error as Error,
    FolderError as FolderError,
    InvalidError as InvalidError,
    NameInUseError as NameInUseError,
    NoSuchJobError as NoSuchJobError,
    NotExecutableError as NotExecutableError,
    NotFoundError as NotFoundError,
    NotRunningError as NotRunningError,
    RemainsError as RemainsError,
    RunningError as RunningError,
    SystemCallError as SystemCallError,
    UnsupportedError as UnsupportedError,
    WaitTimeoutError as WaitTimeoutError,
)
from outlive._jobs import (
    Job as Job,
    job as job,
    jobs as jobs,
    prune as prune,
    start as start,
)
from outlive._popen import Popen as Popen
from outlive._report import (
    Escape as Escape,
    Report as Report,
    Survey as Survey,
    doctor as doctor,
    survey as survey,
)
from outlive._run import (
    call as call,
    check_call as check_call,
    check_output as check_output,
    getoutput as getoutput,
    getstatusoutput as getstatusoutput,
    run as run,
)
from outlive._spawn import (
    P_DETACH as P_DETACH,
    P_NOWAIT as P_NOWAIT,
    P_NOWAITO as P_NOWAITO,
    P_WAIT as P_WAIT,
    spawnl as spawnl,
    spawnle as spawnle,
    spawnlp as spawnlp,
    spawnlpe as spawnlpe,
    spawnv as spawnv,
    spawnve as spawnve,
    spawnvp as spawnvp,
    spawnvpe as spawnvpe,
)
from outlive._status import Run as Run, Status as Status, Stopped as Stopped
from outlive.flags import CREATE_BREAKAWAY_FROM_JOB as CREATE_BREAKAWAY_FROM_JOB

# On Windows `subprocess` has constants that other systems lack.
globals().update(
    {name: getattr(_subprocess, name) for name in _subprocess.__all__ if name not in globals()}
)
