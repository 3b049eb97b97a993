"""What the tests share. They wait for events only: a pipe's end, an answer, a process's end."""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Under nohup(1) the one is ignored, and in the background of a script the other (`&`, sh(1)), by all that
# the tests start too: nothing could be hung up or interrupted.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Answers each line that it gets by its own and its session's id, until there is nobody to ask.
ANSWERING = """
import os, socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
while line.recv(100):
    line.send(b"%d %d" % (os.getpid(), os.getsid(0)))
"""


class Line:
    """A line to a process that answers for as long as it lives; it ends when this is closed."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs.set_inheritable(True)

    @property
    def number(self) -> int:
        return self.theirs.fileno()

    def command(self) -> List[str]:
        return [sys.executable, "-c", ANSWERING, str(self.number)]

    def hang_on(self) -> None:
        """From here on the line breaks when the other process ends."""
        self.theirs.close()

    def ask(self) -> Optional[Tuple[int, int]]:
        """Its process and session, or nothing if it has ended."""
        try:
            self.ours.send(b"?")
            answer = self.ours.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            return None
        if not answer:
            return None
        pid, session = answer.split()
        return int(pid), int(session)

    def close(self) -> None:
        """Lets the process end, and waits until it has: nobody holds the other end any more."""
        if self.ours.fileno() != -1:
            self.ours.shutdown(socket.SHUT_WR)
            while self.ours.recv(100):
                pass
            self.ours.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.hang_on()
    line.close()


#: A program that becomes a daemon, and then answers each expression by its value.
EVALUATING = """
import os, signal, socket, sys
import outlive
line = socket.socket(fileno=int(sys.argv[1]))
{before}
daemon = {daemon}
{after}
question = line.recv(10000)
while question:
    value = eval(question)
    try:
        line.send(repr(value).encode())
    except BrokenPipeError:
        break
    question = line.recv(10000)
"""


class Daemon:
    """A daemon that answers what it is asked."""

    def __init__(self, line: Line, folder: Path) -> None:
        self.line = line
        self.folder = folder
        self.script = folder / "a_daemon.py"

    def write(self, options: str = "", *, before: str = "", after: str = "", keep: str = "") -> None:
        """What becomes one by `daemonize`, with these options."""
        daemon = f"outlive.daemonize(keep_descriptors=[line, {keep}], {options})"
        self.write_program(daemon, before, after)

    def write_program(self, daemon: str, before: str = "", after: str = "") -> None:
        self.script.write_text(EVALUATING.format(daemon=daemon, before=before, after=after))

    def command(self) -> List[str]:
        return [sys.executable, os.fspath(self.script), str(self.line.number)]

    def popen(self, **kwargs: Any) -> subprocess.Popen[str]:
        """Runs the script, which goes on."""
        starter = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[self.line.number],
            cwd=self.folder,
            **kwargs,
        )
        self.line.hang_on()
        return starter

    def starter(self, options: str = "", **kwargs: Any) -> subprocess.Popen[str]:
        """Runs such a script, which goes on."""
        self.write(options)
        return self.popen(**kwargs)

    def run(
        self, around: Callable[[List[str]], List[str]] = list, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs the script to its end, and to that of whoever has its standard streams."""
        said = subprocess.run(
            around(self.command()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=[self.line.number],
            cwd=self.folder,
            **kwargs,
        )
        return said

    def start(
        self,
        options: str = "",
        *,
        before: str = "",
        after: str = "",
        keep: str = "",
        **kwargs: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Runs such a script to its end."""
        self.write(options, before=before, after=after, keep=keep)
        said = self.run(**kwargs)
        self.line.hang_on()
        return said

    def ask(self, expression: str) -> Any:
        """The value of an expression, in the daemon."""
        self.line.ours.send(expression.encode())
        answer = self.line.ours.recv(100000)
        assert answer, "it has ended"
        return ast.literal_eval(answer.decode())


@pytest.fixture
def daemon(line: Line, tmp_path: Path) -> Daemon:
    return Daemon(line, tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of the test's own. What still runs in it is stopped at the end."""
    import outlive

    home = tmp_path / "home"
    monkeypatch.setenv("OUTLIVE_HOME", str(home))
    yield home
    for status in outlive.jobs():
        if status.state in ("running", "waiting"):
            outlive.job(status.id).stop(0)


class Cgroup:
    """A cgroup of version 2 which ends as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, command: List[str]) -> List[str]:
        """The same, which is in this cgroup from its start."""
        enter = f'echo $$ >{self.folder}/cgroup.procs && exec "$@"'
        return ["sh", "-c", enter, "sh", *command]

    def kill(self) -> None:
        (self.folder / "cgroup.kill").write_text("1")


@pytest.fixture
def cgroup() -> Iterator[Cgroup]:
    roots = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
    root = next((root for root in roots if (root / "cgroup.controllers").exists()), None)
    if root is None:
        pytest.skip("there is no cgroup2 here")
    if os.geteuid() != 0:
        pytest.skip("only root can make a cgroup anywhere")
    folder = root / f"outlive-pytest-{os.getpid()}"
    folder.mkdir()
    if not (folder / "cgroup.kill").exists():
        folder.rmdir()
        pytest.skip("cgroup.kill takes Linux 5.14")
    cgroup = Cgroup(folder)
    yield cgroup
    cgroup.kill()
    # It can be removed when the last process has gone, which this file tells (cgroups(7)).
    with open(folder / "cgroup.events") as events:
        import select

        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while "populated 1" in events.read():
            poll.poll()
            events.seek(0)
    folder.rmdir()


def run_python(program: str, *args: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own, and passes its errors on."""
    command = [sys.executable, "-c", program, *args]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **kwargs)  # type: ignore[call-overload, no-any-return]


#: A program that is interrupted in each of some waits for a job, and then goes on.
INTERRUPTED = """
import outlive, signal, sys
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
job = outlive.job(sys.argv[1])
for wait in {waits}:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        wait()
    except KeyboardInterrupt:
        print("heard")
"""


def interrupted(job: str, *waits: str) -> List[str]:
    """What comes of Ctrl-C in each of these waits for `job`."""
    program = INTERRUPTED.format(waits=f"[{', '.join(waits)}]")
    return run_python(program, job).stdout.split()
