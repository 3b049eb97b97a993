"""`DaemonContext`: each of PEP 3143's attributes and methods, as the daemon has it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import Daemon, Line

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another")


def context(options: str = "") -> str:
    return f"outlive.DaemonContext(files_preserve=[line, None], {options})"


def opened(daemon: Daemon, options: str = "", *, before: str = "", after: str = "") -> None:
    """Starts one, which has to go well."""
    daemon.write_program(context(options), before, "daemon.open()\n" + after)
    said = daemon.run()
    daemon.line.hang_on()
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_defaults(daemon: Daemon) -> None:
    opened(daemon)
    assert daemon.ask("os.getsid(0) not in (os.getpid(), %d)" % os.getsid(0))
    assert daemon.ask("os.getcwd()") == "/"
    assert daemon.ask("os.umask(0)") == 0
    assert [daemon.ask(f"os.readlink('/proc/self/fd/{it}')") for it in range(3)] == ["/dev/null"] * 3
    assert daemon.ask("__import__('resource').getrlimit(4)") == (0, 0)
    assert daemon.ask("daemon.uid == os.getuid() and daemon.gid == os.getgid()")
    assert daemon.ask("daemon.chroot_directory, daemon.pidfile, daemon.initgroups") == (None, None, False)
    for name in ("SIGTSTP", "SIGTTIN", "SIGTTOU"):
        assert daemon.ask(f"signal.getsignal(signal.{name}) is signal.SIG_IGN")
    assert daemon.ask("signal.getsignal(signal.SIGTERM) == daemon.terminate")


def test_attributes_count_as_they_are_when_it_is_opened(daemon: Daemon, tmp_path: Path) -> None:
    folder = os.fspath(tmp_path)
    after = f"daemon.umask, daemon.working_directory = 0o77, {folder!r}\ndaemon.open()"
    daemon.write_program(context(), after=after)
    assert daemon.run().returncode == 0
    daemon.line.hang_on()
    assert daemon.ask("os.umask(0), os.getcwd()") == (0o77, folder)


def test_is_open(daemon: Daemon) -> None:
    opened(daemon, before="states = []", after="states.append(daemon.is_open)")
    assert daemon.ask("states, daemon.is_open") == ([True], True)
    pid = daemon.ask("os.getpid()")
    assert daemon.ask("daemon.open()") is None and daemon.ask("os.getpid()") == pid
    assert daemon.ask("daemon.close()") is None and daemon.ask("daemon.is_open") is False
    assert daemon.ask("daemon.close()") is None


def test_with(daemon: Daemon) -> None:
    opened(daemon, "pidfile='pid'")
    pid_file = daemon.folder / "pid"
    assert daemon.ask("daemon.__enter__() is daemon") is True
    assert pid_file.read_text() == f"{daemon.ask('os.getpid()')}\n"
    second = Daemon(Line(), daemon.folder)
    said = second.run()
    assert said.returncode == 1 and "failed to start a second one: process" in said.stderr
    second.line.hang_on()
    second.line.close()
    assert daemon.ask("daemon.__exit__(None, None, None)") is None
    assert daemon.ask("daemon.is_open") is False and not pid_file.exists()


PID_FILE = """
class PidFile:
    seen = []

    def __enter__(self):
        self.seen.append(os.getpid())

    def __exit__(self, *exception):
        self.seen.append(exception)
        line.send(b"'left'")
"""


def test_pidfile_is_a_context_manager(daemon: Daemon) -> None:
    opened(daemon, "pidfile=PidFile()", before=PID_FILE)
    # Entered in the daemon; not left by what it forks.
    assert daemon.ask("PidFile.seen == [os.getpid()]")
    assert daemon.ask("os.waitpid(os.fork() or sys.exit(0), 0)[1]") == 0
    # The interpreter's end closes it.
    assert daemon.ask("sys.exit()") == "left"


def test_a_pidfile_that_can_not_be_entered(daemon: Daemon) -> None:
    before = PID_FILE.replace("self.seen.append(os.getpid())", "raise ValueError('in use')")
    daemon.write_program(context("pidfile=PidFile()"), before, "daemon.open()")
    said = daemon.run()
    daemon.line.hang_on()
    assert said.returncode == 1
    assert said.stderr.endswith("\nValueError: in use\n")
    assert daemon.line.ours.recv(100) == b""


def test_files_preserve(daemon: Daemon) -> None:
    before = "file = open(__file__); other = open(__file__)"
    daemon.write_program("outlive.DaemonContext(files_preserve=[line.fileno(), file])", before, "daemon.open()")
    assert daemon.run().returncode == 0
    daemon.line.hang_on()
    assert daemon.ask("len(file.read()) > 0") is True
    assert daemon.ask("os.readlink('/proc/self/fd/%d' % other.fileno())") == "/dev/null"


def test_streams(daemon: Daemon) -> None:
    script = os.fspath(daemon.script)
    before = "log = open('log', 'w+')"
    opened(daemon, f"stdin=open({script!r}), stdout=log, stderr=log", before=before)
    assert daemon.ask("sys.stdin.readline(), sys.stdin.readline()")[1].startswith("import os")
    daemon.ask("print('out', file=log, flush=True) or print('err', file=sys.stderr)")
    assert (daemon.folder / "log").read_text() == "out\nerr\n"


def test_signal_map(daemon: Daemon) -> None:
    before = """
seen = []
outlive.DaemonContext.note = lambda self, number, frame: seen.append(number)
signals = {
    signal.SIGUSR1: "note",
    signal.SIGUSR2: lambda number, frame: seen.append(-number),
    signal.SIGHUP: None,
}
"""
    opened(daemon, "signal_map=signals", before=before)
    numbers = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP]
    for number in numbers:
        daemon.ask(f"signal.raise_signal({int(number)})")
    assert daemon.ask("seen") == [signal.SIGUSR1, -signal.SIGUSR2]
    assert daemon.ask("signal.getsignal(signal.SIGTERM) is signal.SIG_DFL")


def test_terminate(daemon: Daemon) -> None:
    opened(daemon, "pidfile='pid', stderr=open('log', 'w')")
    pid = daemon.ask("os.getpid()")
    os.kill(pid, signal.SIGTERM)
    assert daemon.line.ours.recv(100) == b""
    assert (daemon.folder / "log").read_text() == f"Terminating on signal {int(signal.SIGTERM)}\n"
    assert not (daemon.folder / "pid").exists()


def test_prevent_core_can_be_left_away(daemon: Daemon) -> None:
    before = "import resource; limit = resource.getrlimit(resource.RLIMIT_CORE)"
    opened(daemon, "prevent_core=False", before=before)
    assert daemon.ask("resource.getrlimit(resource.RLIMIT_CORE) == limit")


@AS_ROOT
@pytest.mark.parametrize("initgroups", [False, True])
def test_uid_and_gid(daemon: Daemon, initgroups: bool) -> None:
    import grp
    import pwd

    # One that is in a group beside its own, if there is such.
    members = {name: it.gr_gid for it in grp.getgrall() for name in it.gr_mem}
    users = [it for it in pwd.getpwall() if it.pw_uid and it.pw_name in members]
    user = users[0] if users else pwd.getpwnam("nobody")
    opened(daemon, f"uid={user.pw_uid}, gid={user.pw_gid}, initgroups={initgroups}")
    assert daemon.ask("os.getresuid()") == (user.pw_uid,) * 3
    assert daemon.ask("os.getresgid()") == (user.pw_gid,) * 3
    wanted = set(os.getgrouplist(user.pw_name, user.pw_gid)) if initgroups else set()
    assert set(daemon.ask("os.getgroups()")) - {user.pw_gid} == wanted - {user.pw_gid}


@AS_ROOT
def test_chroot_directory(daemon: Daemon) -> None:
    opened(daemon, "chroot_directory='.'")
    assert daemon.ask("os.listdir('/')") == [daemon.script.name]


def test_detach_process(daemon: Daemon) -> None:
    daemon.write_program(context("detach_process=False, umask=0o22"), after="daemon.open()")
    process = daemon.popen()
    assert daemon.ask("os.getpid(), os.umask(0o22)") == (process.pid, 0o22)
    assert daemon.ask("os.readlink('/proc/self/fd/1')") == "/dev/null"
    daemon.line.close()
    assert process.communicate() == ("", "") and process.returncode == 0


def test_a_super_server_has_detached_it_already(daemon: Daemon) -> None:
    daemon.write_program(context("stdin=sys.stdin"), after="daemon.open()")
    connection = Line()
    process = subprocess.Popen(
        daemon.command(),
        stdin=connection.number,
        pass_fds=[daemon.line.number],
        cwd=daemon.folder,
    )
    daemon.line.hang_on()
    connection.hang_on()
    assert daemon.ask("daemon.detach_process, os.getpid()") == (False, process.pid)
    connection.ours.send(b"hello")
    assert daemon.ask("os.read(0, 100)") == b"hello"
    daemon.line.close()
    assert process.wait() == 0
    connection.close()


def test_it_takes_what_pep_3143_names() -> None:
    import inspect

    import outlive

    names = """chroot_directory working_directory umask uid gid prevent_core detach_process
        files_preserve pidfile stdin stdout stderr signal_map""".split()
    assert set(names) < set(inspect.signature(outlive.DaemonContext).parameters)
    made = outlive.DaemonContext(umask=3)
    assert all(hasattr(made, name) for name in names) and not made.is_open
