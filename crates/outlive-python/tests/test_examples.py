"""The examples of daemons, each in its plain and in its background form."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Iterator, List

import pytest
from conftest import ROOT

EXAMPLES = ROOT / "examples"
PORT = "7007"

#: Of 127.0.0.0/8, so that tests that run at once have one each.
HOST = ".".join(str(it) for it in (127, *os.getpid().to_bytes(3, "big")))


def command(name: str, *args: str) -> List[str]:
    return [sys.executable, "-B", os.fspath(EXAMPLES / name), *args]


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(name, *args), capture_output=True, text=True)


def test_one_line_puts_a_script_into_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (EXAMPLES / "squares.py").read_text().splitlines()
    after = (EXAMPLES / "squares_background.py").read_text().splitlines()
    added = [line for line in after if line not in before]
    assert added == ['import outlive; outlive.daemonize(stdout="squares.log")']
    after.remove(added[0])
    assert after == before

    # The log is a pipe, at its end when the daemon has ended.
    monkeypatch.chdir(tmp_path)
    os.mkfifo("squares.log")
    starter = subprocess.Popen(
        command("squares_background.py", "3", "0"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with open("squares.log") as log:
        assert starter.communicate()[0] == b"" and starter.returncode == 0
        said = log.read()
    assert said == run("squares.py", "3", "0").stdout
    assert said == "1 squared is 1\n2 squared is 4\n3 squared is 9\ndone\n"


def test_the_plain_service() -> None:
    # It says nothing when it listens: so it is given a socket that does.
    program = "import socket, sys; from echo_service import serve; serve(socket.socket(fileno=int(sys.argv[1])))"
    with socket.create_server((HOST, 0)) as listener:
        service = subprocess.Popen(
            [sys.executable, "-B", "-c", program, str(listener.fileno())],
            cwd=EXAMPLES,
            pass_fds=[listener.fileno()],
        )
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
    service.send_signal(signal.SIGTERM)
    assert service.wait() == -signal.SIGTERM


def terminate(pid: int) -> None:
    """Ends a daemon as kill(1) does, and waits for that."""
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, signal.SIGTERM)
    select.select([process], [], [])
    os.close(process)


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    """Whoever it names when the test is over is ended."""
    pid_file = tmp_path / "pid"
    yield pid_file
    if pid_file.exists():
        # It may be left from one that has ended.
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_the_service_in_the_background(pid_file: Path, tmp_path: Path) -> None:
    service = ("echo_service_background.py", HOST, PORT)
    said = run(*service, os.fspath(pid_file))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    # It can be connected to as soon as the command has come back.
    with socket.create_connection((HOST, int(PORT))) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        # A second one names the first; one that can't listen says so.
        pid = int(pid_file.read_text())
        said = run(*service, os.fspath(pid_file))
        assert said.returncode == 1 and f"process {pid} is the daemon" in said.stderr
        said = run(*service, os.fspath(tmp_path / "other"))
        told = f"failed to listen at {HOST}:{PORT}: Address already in use"
        assert said.returncode == 1 and said.stderr.startswith(told)
    terminate(pid)
    # What is left of it is in nobody's way.
    assert run(*service, os.fspath(pid_file)).returncode == 0
    terminate(int(pid_file.read_text()))


def test_the_plain_watcher(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("all is well\nan error\n")
    watcher = subprocess.Popen(
        command("log_watcher.py", os.fspath(log), "error"), stdout=subprocess.PIPE, text=True
    )
    assert watcher.stdout is not None
    assert watcher.stdout.readline() == "an error\n"
    with open(log, "a") as more:
        more.write("well again\nanother error\n")
    assert watcher.stdout.readline() == "another error\n"
    watcher.send_signal(signal.SIGINT)
    watcher.communicate()
    assert watcher.returncode != 0


def test_the_watcher_in_the_background(pid_file: Path, tmp_path: Path) -> None:
    log, found = tmp_path / "log", tmp_path / "found"
    log.write_text("all is well\nan error\n")
    # A pipe, at its end when the daemon has ended.
    os.mkfifo(found)
    args = [os.fspath(it) for it in (log, found, pid_file)]
    args.insert(1, "error")
    starter = subprocess.Popen(
        command("log_watcher_background.py", *args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    with open(found) as lines:
        assert starter.communicate()[0] == b"" and starter.returncode == 0
        assert lines.readline() == "an error\n"
        # The log is rotated.
        log.rename(tmp_path / "log.1")
        log.write_text("another error\n")
        assert lines.readline() == "another error\n"
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        assert lines.read() == ""
    assert not pid_file.exists()
