"""A child that `subprocess` itself forks: for a `preexec_fn`, and for another user or group."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
from contextlib import ExitStack, suppress
from types import FunctionType, SimpleNamespace
from typing import Any, Callable, Dict, List, Optional, Tuple

from outlive import _native
from outlive._apart import Apart
from outlive._child import Arguments, encoded, program_and_arguments

#: Says that the child halts, and that it may go on.
_HERE, _GO = b".", b"g"

#: What a terminal sends to end what runs on it: ignored under nohup(1), and kept so in a session.
_OF_A_TERMINAL = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def _above_streams(number: int) -> int:
    """The same descriptor above the numbers that the child's streams get."""
    above = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(number)
    return above


class _Halt:
    """What the child does instead of its `preexec_fn`: it halts until its parent, which has rights
    and connections that it may have lost by then, has taken it out of what could end it.
    """

    def __init__(self, it: Arguments, apart: Apart) -> None:
        self._it = it
        self._apart = apart
        self._own: Optional[Callable[[], Any]] = it["preexec_fn"]
        #: The child, once it has halted: nothing if it has not come so far.
        self.child: Optional[_native.Child] = None
        # Of an environment that it inherits, as its `preexec_fn` leaves it.
        self._cookies = _native.cookies() if it["env"] is None else []
        self._ends: List[int] = []
        try:
            self._heard, self._says = self._pipe()
            self._hears, self._said = self._pipe()
            self._parent = self._this_process()
        except OSError:
            self.close()
            raise

    def _keep(self, number: int) -> int:
        number = _above_streams(number)
        self._ends.append(number)
        return number

    def _pipe(self) -> Tuple[int, int]:
        reads, writes = os.pipe()
        return self._keep(reads), self._keep(writes)

    def _this_process(self) -> Optional[int]:
        """A pidfd of it, where there are pidfds."""
        with suppress(AttributeError, OSError):
            return self._keep(os.pidfd_open(os.getpid()))
        return None

    def close(self, *ends: int) -> None:
        """Closes these ends of the pipes, or all that are left."""
        for end in ends or tuple(self._ends):
            self._ends.remove(end)
            os.close(end)

    def __call__(self) -> None:
        """In the child."""
        self.close(self._heard, self._said)
        if self._it["restore_signals"]:
            self._restore_signals()
        for name in self._cookies:
            os.unsetenv(name)
        if self._apart.group and not self._apart.session:
            os.setpgid(0, 0)
        os.write(self._says, _HERE)
        if not self._may_go():
            os._exit(127)
        self.close()
        if self._own is not None:
            self._own()

    def _may_go(self) -> bool:
        """Waits for the parent's word, or for its end: that nobody is left who could write it would
        not be seen where other children that were forked meanwhile have copies of the pipe.
        """
        poll = select.poll()
        poll.register(self._hears, select.POLLIN)
        if self._parent is not None:
            poll.register(self._parent, select.POLLIN)
        ready = [number for number, _ in poll.poll()]
        return self._hears in ready and os.read(self._hears, 1) == _GO

    def _restore_signals(self) -> None:
        """All signals as they are in a child that is started without a fork: those that Python
        handles have their default dispositions from the exec on.
        """
        kept = () if self._it["start_new_session"] else _OF_A_TERMINAL
        for number in signal.valid_signals():
            if number not in kept and signal.getsignal(number) in (signal.SIG_IGN, None):
                # The C library keeps two of them for itself.
                with suppress(OSError):
                    signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def take_out(self, pid: int) -> None:
        """In the parent, once there is a child."""
        self.close(self._says, self._hears)
        program, _ = program_and_arguments(self._it)
        apart = self._apart
        try:
            # Nothing comes from one that has failed before: subprocess learns why.
            if os.read(self._heard, 1):
                self.child = _native.take_out(
                    pid, encoded(program), apart.session, apart.breakaway
                )
                # Somebody may have killed it.
                with suppress(BrokenPipeError):
                    os.write(self._said, _GO)
        except BaseException:
            self.close()
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            raise


def _ours() -> Callable[..., Any]:
    """`subprocess.Popen._execute_child`, in whose namespace `fork_exec` is ours, which hears of the
    child before `subprocess` waits for its exec.
    """
    theirs: Any = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    namespace: Dict[str, Any] = dict(vars(subprocess))
    fork_exec = namespace.get("_fork_exec") or namespace["_posixsubprocess"].fork_exec

    def ours(*args: Any) -> int:
        pid: int = fork_exec(*args)
        next(arg for arg in args if isinstance(arg, _Halt)).take_out(pid)
        return pid

    namespace["_fork_exec"] = ours
    # Before Python 3.11.
    namespace["_posixsubprocess"] = SimpleNamespace(fork_exec=ours)
    return FunctionType(
        theirs.__code__, namespace, theirs.__name__, theirs.__defaults__, theirs.__closure__
    )


_execute_child = _ours()


def start(
    popen: subprocess.Popen[Any], it: Arguments, apart: Apart
) -> Optional[_native.Child]:
    """Lets `subprocess` start it; the child, unless somebody has killed it at once."""
    given = {**it, "start_new_session": it["start_new_session"] or apart.session}
    with ExitStack() as at_end:
        if apart.no_input and it["p2cread"] == -1:
            given["p2cread"] = null = os.open(os.devnull, os.O_RDONLY)
            at_end.callback(os.close, null)
        halt = _Halt(given, apart)
        at_end.callback(halt.close)
        _execute_child(popen, *{**given, "preexec_fn": halt}.values())
        return halt.child
