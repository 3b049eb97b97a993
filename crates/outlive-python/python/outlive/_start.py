"""Starting jobs."""

from __future__ import annotations

import os
import signal as signals
from typing import Any, Dict, Literal, Mapping, Optional, Sequence, Tuple, Union

from outlive import _native
from outlive._bin import find_outlive_bin
from outlive._child import encoded
from outlive._jobs import Folder, Job
from outlive._limits import Limits, request
from outlive._waiting import span

Text = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


def _changes(env: Optional[Mapping[Any, Any]]) -> Dict[bytes, Optional[bytes]]:
    given = (env or {}).items()
    return {
        encoded(name): None if value is None else encoded(value) for name, value in given
    }


def _life(
    timeout: Optional[float],
    expire: Optional[float],
    stop_signal: Optional[int],
    grace: Optional[float],
    restart: str,
    max_restarts: Optional[int],
    success: Sequence[int],
    on_end: Optional[Text],
) -> Dict[str, Any]:
    return {
        "timeout": span(timeout),
        "expire": span(expire),
        "stop_signal": stop_signal,
        "grace": span(grace),
        "restart": restart,
        "max_restarts": max_restarts,
        "success_codes": [it for it in success if not isinstance(it, signals.Signals)],
        "success_signals": [it for it in success if isinstance(it, signals.Signals)],
        "on_end": None if on_end is None else encoded(on_end),
    }


def start(
    args: Union[Text, Sequence[Text]],
    *,
    name: Optional[str] = None,
    cwd: Optional[Text] = None,
    env: Optional[Mapping[Any, Any]] = None,
    clear_env: bool = False,
    secret_env: Sequence[Text] = (),
    umask: Optional[int] = None,
    stdin: Union[Literal["null", "keep"], "os.PathLike[str]"] = "null",
    output: Optional[Folder] = None,
    output_limit: int = 64 << 20,
    output_mode: Literal["file", "pipe", "pty"] = "file",
    timestamps: bool = False,
    split: bool = False,
    tty: Optional[Tuple[int, int]] = None,
    until: Literal["main", "tree"] = "main",
    leftover: Literal["stop", "leave"] = "stop",
    timeout: Optional[float] = None,
    expire: Optional[float] = None,
    stop_signal: Optional[int] = None,
    grace: Optional[float] = None,
    restart: Literal["no", "on-failure", "always"] = "no",
    max_restarts: Optional[int] = None,
    success_codes: Sequence[int] = (),
    on_end: Optional[Text] = None,
    ready: Optional[Text] = None,
    ready_timeout: Optional[float] = None,
    keep_going: bool = False,
    watchdog: Optional[float] = None,
    limits: Limits = Limits(),
    user: Union[str, int, None] = None,
    group: Union[str, int, None] = None,
    breakaway: Union[bool, Literal["require"]] = True,
    via: Optional[Literal["parent", "service", "task"]] = None,
    leave_sandbox: bool = False,
    linger: bool = True,
    reset: Sequence[str] = (),
    home: Optional[Folder] = None,
) -> Job:
    """Starts a job. When this returns it has been exec'ed, in a session of its own; whatever becomes
    of this process, it goes on, and its exit code and output are there for whoever comes later.

    Args:
        args: the program and its arguments; a single text is a program without any. No shell is
            involved.
        name: a name by which it can be found: 1 to 64 characters, no white space or ``/``. No two
            running jobs have the same.
        cwd: the folder it starts in, instead of this process's.
        env: changes to the environment of this process: a value of ``None`` takes a variable away.
            They are stored in its record.
        clear_env: whether it gets nothing of this process's environment.
        secret_env: variables of this process that it gets without their values being stored.
        umask: its file mode creation mask, instead of this process's.
        stdin: ``"null"``, ``"keep"`` (open for `Job.send`), or the path of a file.
        output: a file that its output is appended to, instead of one in its record.
        output_limit: how many bytes of its own output file are kept; 0 is all.
        output_mode: whether it writes to the file itself, or to a pipe or a terminal that its keeper
            reads.
        timestamps: whether it is written down when each line was printed, for `Job.lines`: it prints
            into a pipe then, which its keeper reads.
        split: whether its standard output is told from its standard error: it prints into two pipes.
        tty: columns and rows of a terminal of its own, which `Job.attach` sits down at. It is its
            standard input, output and error. Not on Windows.
        until: whether it ends with its main process or with the last process of its tree.
        leftover: whether what its main process leaves behind is stopped.
        timeout: after how many seconds since its start it is stopped, restarts included and time while
            the machine is suspended excluded; its state is ``"timed-out"`` then.
        expire: how many seconds after its end it is removed, by whoever looks at the jobs next.
        stop_signal: the signal by which it is asked to end, instead of SIGTERM; on Windows SIGTERM,
            SIGBREAK or SIGKILL.
        grace: how many seconds it may take to end then, or what it leaves behind; 10 if none are given.
        restart: when its keeper starts it again: after 100 ms, twice as late after each run in a row
            that lasted less than ten seconds, up to a minute. Not once it was stopped.
        max_restarts: how many times at most.
        success_codes: the exit codes, and signals as `signal.Signals`, that count as success instead
            of 0 alone.
        on_end: a line that its keeper has the shell run once it has ended for good, with the job's
            environment and ``OUTLIVE_JOB``, ``OUTLIVE_NAME``, ``OUTLIVE_STATE``,
            ``OUTLIVE_EXIT_CODE``, ``OUTLIVE_SIGNAL``, ``OUTLIVE_SUCCESS``, ``OUTLIVE_STOPPED`` and
            ``OUTLIVE_RUNS``. It has a minute.
        ready: what shows that it is ready, which `Job.wait_ready` waits for:
            ``"port:[ADDRESS:]PORT"``, ``"unix:PATH"``, ``"log:REGEX"``, ``"file:PATH"``,
            ``"cmd:LINE"``, ``"http://ADDRESS[:PORT][/PATH[:STATUS]]"``, or ``"notify"`` (it sends
            ``READY=1``, sd_notify(3); Linux).
        ready_timeout: how many seconds it may take to become ready; it is stopped then.
        keep_going: whether it goes on all the same.
        watchdog: it is aborted if it does not say at least every so many seconds that it lives
            (``WATCHDOG=1``, sd_notify(3); Linux).
        limits: what it may use, of memory, processors, processes and disks.
        user: the user that it is, by name or number, with that one's groups and ``HOME``. Only root
            may ask for another one. Linux.
        group: the group that it is in, instead of that user's own. Linux.
        breakaway: as for `Popen`.
        via: the way out of a job object that lets nobody go (Windows): another process of yours is
            made its parent, or the service control manager or the Task Scheduler starts it. Security
            products may take it for an attack.
        leave_sandbox: whether it may leave a sandbox where that is the only way to outlive it.
        linger: whether lingering may be enabled for this user where it would otherwise end at the
            log-out.
        reset: what is set back to what is usual: ``"all"``, or any of ``"limits"``, ``"nice"``,
            ``"affinity"``, ``"oom"``, ``"umask"``, ``"cwd"``.
        home: the state folder, instead of ``$OUTLIVE_HOME`` and the user's own.

    Raises:
        NotFoundError: if the program was not found; a `FileNotFoundError`.
        NotExecutableError: if it can't be executed; a `PermissionError`.
        NameInUseError: if a running job has that name; a `FileExistsError`.
        RemainsError: if ``breakaway="require"`` and something that could end it would remain.
        InvalidError: if something makes no sense; a `ValueError`.
        UnsupportedError: if this system can't do what was asked for, or one of the limits can't be
            had and they are not only preferred.

    >>> import outlive
    >>> job = outlive.start(["sh", "-c", "exit 3"], restart="on-failure", max_restarts=1)
    >>> status = job.wait()
    >>> status.exit_code, status.success, status.restarts, len(status.runs)
    (3, False, 1, 2)
    """
    argv = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
    if not argv:
        raise ValueError("args must have a program in it")
    words = {True: "prefer", False: "off", "require": "require"}
    if breakaway not in words:
        raise ValueError(f'breakaway must be True, False or "require", not {breakaway!r}')
    native = _native.start(
        {
            "home": home,
            "keeper": find_outlive_bin(),
            "argv": [encoded(arg) for arg in argv],
            "name": name,
            "cwd": None if cwd is None else encoded(cwd),
            "env": _changes(env),
            "clear_env": clear_env,
            "secret_env": [encoded(variable) for variable in secret_env],
            "umask": umask,
            "keep_stdin": stdin == "keep",
            "stdin": None if stdin in ("null", "keep") else stdin,
            "output": output,
            "output_limit": output_limit,
            "output_mode": output_mode,
            "timestamps": timestamps,
            "split": split,
            "tty": None if tty is None else (tty[0], tty[1]),
            "until": until,
            "leftover": leftover,
            "life": _life(
                timeout,
                expire,
                stop_signal,
                grace,
                restart,
                max_restarts,
                success_codes,
                on_end,
            ),
            "ready": {
                "when": None if ready is None else encoded(ready),
                "timeout": span(ready_timeout),
                "keep_going": keep_going,
                "watchdog": span(watchdog),
            },
            "limits": request(limits),
            "user": None if user is None else str(user),
            "group": None if group is None else str(group),
            "breakaway": words[breakaway],
            "via": via,
            "leave_sandbox": leave_sandbox,
            "linger": linger,
            "reset": list(reset),
        }
    )
    return Job(native, home)


