"""`daemonize`, as whoever runs the script sees it, and as the daemon does."""

from __future__ import annotations

import ast
import os
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import Cgroup, Daemon, Line

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another")


def test_the_command_comes_back_while_the_daemon_runs(daemon: Daemon) -> None:
    said = daemon.start()
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert daemon.ask("os.getppid()") != os.getpid()
    # In a session that it does not lead, without a terminal.
    assert daemon.ask("os.getsid(0) not in (os.getpid(), %d)" % os.getsid(0))
    assert daemon.ask("open('/proc/self/stat').read().rsplit(')')[1].split()[4]") == "0"
    assert daemon.ask("os.getcwd()") == "/"
    assert daemon.ask("'Umask:\\t0022' in open('/proc/self/status').read()")
    assert [daemon.ask(f"os.readlink('/proc/self/fd/{it}')") for it in range(3)] == ["/dev/null"] * 3


def test_what_is_asked_for(daemon: Daemon, tmp_path: Path) -> None:
    given = tmp_path / "input"
    given.write_text("a line\n")
    log = tmp_path / "log"
    daemon.start(
        f"working_dir={os.fspath(tmp_path)!r}, umask=0o27, stdin={os.fspath(given)!r},"
        "stdout=open('log', 'w'), stderr=outlive.STDOUT"
    )
    assert daemon.ask("os.getcwd()") == os.fspath(tmp_path)
    assert daemon.ask("os.umask(0)") == 0o27
    assert daemon.ask("sys.stdin.readline()") == "a line\n"
    # What was printed is there at once.
    assert daemon.ask("print('out')") is None and log.read_text() == "out\n"
    assert daemon.ask("print('err', file=sys.stderr)") is None and log.read_text() == "out\nerr\n"


def test_what_was_printed_before_is_printed_once(daemon: Daemon, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("the end of another\n")
    said = daemon.start(
        "stdout='log'", before="print('before', end='')", after="print('after', end='')"
    )
    assert said.stdout == "before"
    daemon.line.close()
    assert log.read_text() == "the end of another\nafter"


def test_the_starters_own_streams_can_be_kept(daemon: Daemon) -> None:
    starter = daemon.starter("stdout=sys.stdout")
    assert daemon.ask("print('from the daemon', flush=True)") is None
    assert starter.stdout is not None
    assert starter.stdout.readline() == "from the daemon\n"
    daemon.line.close()
    assert starter.communicate() == ("", "") and starter.returncode == 0


@pytest.mark.parametrize("after", ["daemon.ready()", "daemon.__enter__().ready()"])
def test_ready(daemon: Daemon, after: str) -> None:
    starter = daemon.starter("ready_timeout=float('inf')")
    assert daemon.ask("1 + 1") == 2
    # It works, and the starter waits.
    assert starter.poll() is None
    assert daemon.ask(after) is None
    assert starter.communicate() == ("", "") and starter.returncode == 0
    assert daemon.ask(after) is None


@pytest.mark.parametrize(
    "after, told",
    [
        ("daemon.failed('no such tide table')", "no such tide table"),
        ("daemon.failed(KeyError('tide'))", "KeyError: 'tide'"),
        ("with daemon: sys.exit('no tide')", "no tide"),
    ],
)
def test_failed(daemon: Daemon, after: str, told: str) -> None:
    said = daemon.start("ready_timeout=600, pid_file='pid'", after=after)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", told + "\n")
    assert not (daemon.folder / "pid").exists()


def test_an_exception_is_told_with_its_traceback(daemon: Daemon) -> None:
    said = daemon.start("ready_timeout=600, stderr='log'", after="with daemon: int('x')")
    assert said.returncode == 1
    assert said.stderr.startswith("Traceback (most recent call last):\n")
    assert said.stderr.endswith("\nValueError: invalid literal for int() with base 10: 'x'\n")
    # It is the daemon's own end as well, with all that runs at one.
    daemon.line.close()
    assert (daemon.folder / "log").read_text() == said.stderr


def test_a_failure_cleans_up(daemon: Daemon) -> None:
    after = """
import atexit
atexit.register(lambda: open("cleaned", "w"))
try:
    daemon.failed("no tide")
finally:
    open("finally", "w")
"""
    said = daemon.start("ready_timeout=600, working_dir='.'", after=after)
    assert said.stderr == "no tide\n"
    daemon.line.close()
    assert (daemon.folder / "finally").exists() and (daemon.folder / "cleaned").exists()


def test_a_daemon_that_ends_without_a_word(daemon: Daemon) -> None:
    said = daemon.start("ready_timeout=600", after="sys.exit(3)")
    assert said.returncode == 1
    assert "the daemon ended before it was ready (exit code 3)" in said.stderr


def test_a_daemon_that_is_never_ready_is_ended(daemon: Daemon) -> None:
    said = daemon.start("ready_timeout=0")
    assert said.returncode == 1
    # As far as it had come by then.
    ends = r"the daemon was not ready after 0ns, and (was ended|does not go on)\n"
    assert re.search(ends, said.stderr), said.stderr
    assert daemon.line.ours.recv(1) == b""


def test_what_was_closed_is_named_when_it_is_used(daemon: Daemon) -> None:
    said = daemon.start(
        "ready_timeout=600", before="file = open(__file__)", after="with daemon: file.read()"
    )
    assert said.returncode == 1
    assert "OSError: [Errno 9] Bad file descriptor\nnote: when it became a daemon" in said.stderr
    assert f"({daemon.script})\nhint: open them afterwards" in said.stderr


def test_descriptors_are_closed_but_for_those_that_are_kept(daemon: Daemon) -> None:
    daemon.start(before="file = open(__file__); other = open(__file__)", keep="other")
    assert daemon.ask("[it.what for it in daemon.closed]") == [os.fspath(daemon.script)]
    assert daemon.ask("daemon.closed[0].number == file.fileno()")
    assert daemon.ask("len(other.read())") == len(daemon.script.read_text())


def test_a_second_one_names_the_first(daemon: Daemon) -> None:
    daemon.start("pid_file='pid'")
    pid_file = daemon.folder / "pid"
    first = daemon.ask("os.getpid()")
    assert pid_file.read_text() == f"{first}\n"
    second = Daemon(Line(), daemon.folder)
    said = second.start("pid_file='pid'")
    assert said.returncode == 1
    assert f"RunningError: failed to start a second one: process {first} is the daemon" in said.stderr
    second.line.close()
    # A process that it has forked leaves the file to it.
    assert daemon.ask("os.waitpid(os.fork() or sys.exit(0), 0)[1]") == 0
    assert pid_file.read_text() == f"{first}\n"
    daemon.line.close()
    assert not pid_file.exists()


def test_the_pid_file_goes_at_the_end_of_the_block(daemon: Daemon) -> None:
    daemon.start("pid_file='pid'")
    pid_file = daemon.folder / "pid"
    assert daemon.ask("daemon.__exit__(None, None, None)") is None
    assert not pid_file.exists()


def test_a_forked_worker_that_holds_the_lock_is_named(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start("pid_file='pid'")
    pid = daemon.ask("os.getpid()")
    # Both go on, and both answer: the worker says 0.
    answers = [daemon.ask("os.fork()"), ast.literal_eval(daemon.line.ours.recv(100).decode())]
    worker = max(answers)
    gone = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([gone], [], [])
    os.close(gone)
    another = "import outlive; outlive.daemonize(pid_file='pid')"
    said = subprocess.run(
        [sys.executable, "-c", another], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert said.returncode == 1
    assert f"process {pid}, the daemon of the pid file" in said.stderr, said.stderr
    assert f"to stop it: kill {worker}\n" in said.stderr, said.stderr


def test_a_pid_file_whose_name_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    program = "import outlive; outlive.daemonize(pid_file=chr(0xdcff))"
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert said.returncode == 1
    assert "InvalidError" in said.stderr and "its name is not UTF-8" in said.stderr, said.stderr


def test_threads_are_refused_with_their_number(daemon: Daemon) -> None:
    before = """
import threading
end = threading.Event()
threads = [threading.Thread(target=end.wait) for _ in range(2)]
for thread in threads:
    thread.start()
os.register_at_fork(before=lambda: print("before"), after_in_parent=lambda: print("parent"))
signal.signal(signal.SIGUSR1, print)
_daemonize = outlive.daemonize
def daemonize(**options):
    try:
        return _daemonize(**options)
    except RuntimeError as error:
        assert isinstance(error, outlive.Error)
        assert signal.getsignal(signal.SIGUSR1) is print
        end.set()
        sys.exit(str(error))
outlive.daemonize = daemonize
"""
    said = daemon.start(before=before)
    assert said.returncode == 1
    assert "failed to become a daemon: this process has 3 threads\nhint: " in said.stderr
    assert said.stdout == "before\nparent\n"


def test_what_was_registered_for_a_fork_is_done_once(daemon: Daemon) -> None:
    before = """
done = []
hooks = {it: lambda it=it: done.append(it) for it in ("before", "after_in_parent", "after_in_child")}
os.register_at_fork(**hooks)
"""
    daemon.start(before=before)
    assert daemon.ask("done") == ["before", "after_in_child"]
    # The interpreter is whole: threads, imports, collections, and a fork of its own.
    assert daemon.ask("__import__('concurrent.futures').__name__") == "concurrent"
    assert daemon.ask("__import__('gc').collect() >= 0")
    assert daemon.ask("__import__('subprocess').call(['sh', '-c', 'exit 3'])") == 3
    assert daemon.ask("__import__('threading').main_thread() is __import__('threading').current_thread()")
    thread = "[t := __import__('threading').Thread(target=done.append, args=[1]), t.start(), t.join()]"
    assert daemon.ask(f"{thread} and done[-1]") == 1


def test_signals(daemon: Daemon) -> None:
    before = """
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
seen = []
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
"""
    daemon.start(before=before)
    assert daemon.ask("signal.raise_signal(signal.SIGUSR1) or seen") == [1]
    assert daemon.ask("signal.getsignal(signal.SIGINT) is signal.default_int_handler")
    assert daemon.ask("signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL")
    assert daemon.ask("signal.pthread_sigmask(signal.SIG_BLOCK, [])") == set()
    status = daemon.ask("open('/proc/self/status').read()").splitlines()
    masks = {line.split()[0]: int(line.split()[1], 16) for line in status if line[:6] in ("SigCgt", "SigIgn")}

    def is_in(mask: str, number: int) -> bool:
        return bool(masks[mask] >> (number - 1) & 1)

    assert is_in("SigCgt:", signal.SIGINT) and is_in("SigCgt:", signal.SIGUSR1)
    # The C library keeps 32 and 33 for itself: whatever they are stays.
    assert masks["SigIgn:"] & 0x7FFFFFFF == 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)


def test_ctrl_c_ends_the_starter_alone(daemon: Daemon) -> None:
    starter = daemon.starter("ready_timeout=600")
    # It is there: so its starter waits.
    pid = daemon.ask("os.getpid()")
    starter.send_signal(signal.SIGINT)
    assert starter.communicate() == ("", "") and starter.returncode == -signal.SIGINT
    assert daemon.ask("daemon.ready()") is None
    assert daemon.ask("os.getpid()") == pid


def test_it_outlives_its_terminal(daemon: Daemon) -> None:
    daemon.write()
    master, slave = os.openpty()
    at_terminal = ["setsid", "--ctty", "sh", "-c", '"$@"; echo "code $?"; exec cat', "sh"]
    command = [*at_terminal, *daemon.command()]
    terminal = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=[daemon.line.number],
        cwd=daemon.folder,
    )
    os.close(slave)
    seen = b""
    while not re.search(rb"code \d", seen):
        seen += os.read(master, 1000)
    assert b"code 0" in seen
    # The terminal is closed: whoever is in it is hung up on.
    os.close(master)
    assert terminal.wait() == -signal.SIGHUP
    daemon.line.hang_on()
    assert daemon.ask("1 + 1") == 2


def test_the_environment_loses_what_runners_hunt_by(daemon: Daemon) -> None:
    daemon.start(env={**os.environ, "JENKINS_NODE_COOKIE": "x", "KEPT": "y"})
    assert daemon.ask("'JENKINS_NODE_COOKIE' in os.environ") is False
    assert daemon.ask("os.environ['KEPT']") == "y"
    assert daemon.ask("b'COOKIE' in open('/proc/self/environ', 'rb').read()") is False


def test_breakaway(daemon: Daemon, cgroup: Cgroup) -> None:
    assert daemon.start("breakaway='require'", around=cgroup.command).returncode == 0
    assert daemon.ask("daemon.report['cgroup'].state") == "left"
    cgroup.kill()
    assert daemon.ask("daemon.report['session'].state") == "left"


def test_without_breakaway_there_is_no_report(daemon: Daemon) -> None:
    daemon.start()
    assert daemon.ask("daemon.report") is None


@AS_ROOT
def test_another_user(daemon: Daemon) -> None:
    daemon.start("user=65534, group='65533', supplementary_groups=[65532]")
    assert daemon.ask("os.getresuid()") == (65534,) * 3
    assert daemon.ask("os.getresgid()") == (65533,) * 3
    assert daemon.ask("os.getgroups()") == [65532]


@AS_ROOT
def test_another_root(daemon: Daemon) -> None:
    daemon.start("chroot='.'")
    assert daemon.ask("os.listdir('/')") == [daemon.script.name]


def test_under_a_service_manager_nothing_forks(daemon: Daemon) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = os.fspath(daemon.folder / "notify")
    manager.bind(address)
    env = {**os.environ, "NOTIFY_SOCKET": address}
    env.pop("SYSTEMD_EXEC_PID", None)
    service = daemon.starter("ready_timeout=600", env=env)
    assert daemon.ask("os.getpid()") == service.pid
    assert daemon.ask("daemon.is_supervised, os.getcwd()") == (True, "/")
    assert daemon.ask("daemon.ready()") is None
    assert manager.recv(1000) == b"READY=1\nMAINPID=%d" % service.pid
    daemon.line.close()
    assert service.communicate() == ("", "") and service.returncode == 0


def test_bad_arguments(daemon: Daemon) -> None:
    before = """
bad = {
    ValueError: [
        dict(umask=0o1000), dict(stdout=outlive.PIPE), dict(stdin=outlive.STDOUT), dict(user="no one"),
        dict(ready_timeout=-1), dict(ready_timeout=float("nan")), dict(keep_descriptors=[1000]),
        dict(breakaway="perhaps"),
    ],
    OSError: [dict(working_dir="no-such"), dict(stdin="no-such"), dict(pid_file="no/such"), dict(stdout=1000)],
    AttributeError: [dict(stdout=3.5)],
    TypeError: [dict(umask="022"), dict(daemon=True), dict(pid_file=3)],
}
for kind, all in bad.items():
    for options in all:
        try:
            outlive.daemonize(**options)
        except kind:
            print(options)
sys.exit(0)
"""
    said = daemon.start(before=before)
    assert said.stderr == "" and len(said.stdout.splitlines()) == 16
