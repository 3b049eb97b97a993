"""What the tests share. They wait for events only: a pipe's end, an answer, a process's end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[3]

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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of the test's own. What still runs in it is stopped at the end."""
    import outlive

    home = tmp_path / "home"
    monkeypatch.setenv("OUTLIVE_HOME", str(home))
    yield home
    for status in outlive.jobs():
        if status.state == "running":
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
