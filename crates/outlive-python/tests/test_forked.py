"""What takes a fork, beside `detach` and `breakaway`: as `subprocess` itself has it, side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import pytest
from conftest import Cgroup, run_python

import outlive

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
needs_process_group = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="process_group is there from Python 3.11 on"
)


def outcome(popen: Callable[..., Any], args: Any, kwargs: Dict[str, Any]) -> Tuple[Any, ...]:
    """What comes of it: an exit code and an output, or an error."""
    try:
        with popen(args, stdout=subprocess.PIPE, **kwargs) as p:
            said = p.stdout.read()
    except Exception as error:
        return type(error), getattr(error, "errno", None), getattr(error, "filename", None), str(error)
    return p.returncode, said


def fail() -> None:
    raise RuntimeError("as asked")


def ended() -> None:
    os._exit(7)


ODD: Any = [
    ([""], {}),
    (["", "argument"], {}),
    ("", {}),
    (b"", {}),
    ("", {"shell": True}),
    (["true"], {"executable": ""}),
    (["env"], {"env": {"": "x"}}),
    (["env"], {"env": {b"": b"x", b"A": b"b"}}),
    (["true"], {"env": 5}),
    (["sh", "-c", "umask"], {"umask": 0o1027}),
    (["true"], {"umask": 1 << 40}),
    (["sh", "-c", "umask"], {"umask": -3}),
    (["true"], {"umask": "x"}),
    (["true"], {"preexec_fn": fail}),
    (["true"], {"preexec_fn": ended}),
    (["true"], {"preexec_fn": 1}),
    (["no-such-program"], {"preexec_fn": os.getpid}),
    (["true"], {"cwd": "/no-such-folder", "preexec_fn": os.getpid}),
    (["true"], {"preexec_fn": os.getpid, "pass_fds": [1 << 40]}),
    (["true"], {"user": "no-such-user"}),
    (["true"], {"user": -2}),
    (["true"], {"user": 1 << 64}),
    (["true"], {"group": "no-such-group"}),
    (["true"], {"group": 1.5}),
    (["true"], {"extra_groups": ["no-such-group"]}),
    (["true"], {"extra_groups": "root"}),
    (["true"], {"extra_groups": [-2]}),
]


@pytest.mark.parametrize("how", [{"breakaway": True}, {"breakaway": False, "detach": True}])
def test_what_comes_of_it_is_what_subprocess_makes_of_it(how: Dict[str, Any]) -> None:
    for args, kwargs in ODD:
        theirs = outcome(subprocess.Popen, args, kwargs)
        assert outcome(outlive.Popen, args, {**kwargs, **how}) == theirs, (args, kwargs)


@needs_process_group
def test_a_process_group() -> None:
    for group in (1, (1 << 31) - 1, 1 << 40, "1"):
        given = {"process_group": group}
        theirs = outcome(subprocess.Popen, ["true"], given)
        assert outcome(outlive.Popen, ["true"], {**given, "breakaway": True}) == theirs, group
    with outlive.Popen(["cat"], stdin=outlive.PIPE, process_group=0) as leader:
        show = [sys.executable, "-c", "import os; print(os.getpgid(0))"]
        given = {"process_group": leader.pid, "breakaway": True}
        assert outcome(outlive.Popen, show, given) == (0, b"%d\n" % leader.pid)
        # Whoever leads a session can't join a group (setpgid(2)).
        given = {"process_group": leader.pid, "start_new_session": True}
        theirs = outcome(subprocess.Popen, ["true"], given)
        assert theirs[0] is PermissionError
        assert outcome(outlive.Popen, ["true"], {**given, "breakaway": True}) == theirs
        del given["start_new_session"]
        assert outcome(outlive.Popen, ["true"], {**given, "detach": True}) == theirs


@needs_root
def test_another_user_and_group() -> None:
    show = ["sh", "-c", "id -u; id -g; id -G; ps -o sid= -p $$; echo $$"]
    p: outlive.Popen[str] = outlive.Popen(
        show,
        stdout=outlive.PIPE,
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[NOBODY, 4],
        detach=True,
    )
    user, group, groups, session, pid = p.communicate()[0].splitlines()
    assert (user, group) == (str(NOBODY), str(NOBODY))
    assert sorted(groups.split()) == sorted([str(NOBODY), "4"])
    assert int(session) == int(pid) == p.pid


@needs_root
def test_who_may_not_become_another_user_hears_what_subprocess_says() -> None:
    run_python(
        f"""
import os, subprocess, outlive
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
def outcome(popen, **given):
    try:
        popen(["true"], **given)
    except Exception as error:
        return type(error), error.errno, error.filename, str(error)
for given in {{"user": 0}}, {{"group": 0}}, {{"extra_groups": [0]}}:
    theirs = outcome(subprocess.Popen, **given)
    assert theirs[0] is PermissionError
    assert outcome(outlive.Popen, detach=True, **given) == theirs, given
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    pass
else:
    raise AssertionError("a child is left")
"""
    )


@needs_root
def test_another_user_leaves_the_cgroup_of_root(cgroup: Cgroup) -> None:
    program = f"""
import outlive
p = outlive.Popen(
    ["sh", "-c", "id -u; cat /proc/self/cgroup; cat"],
    stdin=outlive.PIPE, stdout=outlive.PIPE, text=True, user={NOBODY}, breakaway="require",
)
assert p.stdout.readline() == "{NOBODY}\\n"
assert p.escapes["cgroup"].state == "left", p.escapes
said, _ = p.communicate()
assert "{cgroup.folder.name}" not in said, said
"""
    subprocess.run(cgroup.command([sys.executable, "-c", program]), check=True)


def test_a_preexec_fn_runs_when_all_is_left(cgroup: Cgroup, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = """
import os, sys, outlive
def look():
    with open("/proc/self/cgroup") as cgroup, open(sys.argv[1], "w") as seen:
        print(os.getsid(0) == os.getpid(), cgroup.read(), file=seen)
p = outlive.Popen(["cat"], stdin=outlive.PIPE, preexec_fn=look, detach=True)
assert p.escapes["session"].state == p.escapes["cgroup"].state == "left", p.escapes
p.communicate()
assert p.returncode == 0
"""
    subprocess.run(cgroup.command([sys.executable, "-c", program, str(seen)]), check=True)
    assert seen.read_text().startswith("True")
    assert cgroup.folder.name not in seen.read_text()


SIGNALS = """
import signal
print(sorted(int(it) for it in signal.pthread_sigmask(signal.SIG_BLOCK, [])))
print(sorted(int(it) for it in signal.valid_signals() if signal.getsignal(it) == signal.SIG_IGN))
"""


def test_signals_are_restored_or_left_alone() -> None:
    # What Python itself ignores in the program that looks.
    python = [int(it) for it in (signal.SIGPIPE, signal.SIGXFSZ)]
    command = [sys.executable, "-c", SIGNALS]
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        restored = outlive.check_output(command, preexec_fn=os.getpid, detach=True)
        left = outlive.check_output(command, restore_signals=False, detach=True)
        theirs = subprocess.check_output(command, restore_signals=False)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        signal.signal(signal.SIGUSR1, before)
    assert restored.decode() == f"[]\n{python}\n"
    assert left == theirs
    assert str(int(signal.SIGUSR1)).encode() in theirs


def test_its_environment_input_and_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JENKINS_NODE_COOKIE", "hunted")
    forked: Any = {"preexec_fn": os.getpid}
    names = outlive.check_output(["env"], detach=True, text=True, **forked)
    assert "JENKINS_NODE_COOKIE" not in names and "PATH=" in names
    given = outlive.check_output(["env"], env={"JENKINS_NODE_COOKIE": "x"}, detach=True, **forked)
    assert given == b"JENKINS_NODE_COOKIE=x\n"
    said = run_python(
        """
import os, outlive
from outlive import flags
forked = {"preexec_fn": os.getpid}
print(outlive.check_output(["cat"], detach=True, **forked))
print(outlive.check_output(["cat"], breakaway=True, **forked))
p = outlive.Popen(["cat"], stdin=-1, creationflags=flags.CREATE_NEW_PROCESS_GROUP, **forked)
print(os.getpgid(p.pid) == p.pid, os.getsid(p.pid) == os.getsid(0))
p.communicate()
""",
        input="ours",
    )
    assert said.stdout == "b''\nb'ours'\nTrue True\n"


def test_nothing_is_left_open_and_low_numbers_do_no_harm() -> None:
    run_python(
        """
import os, outlive
forked = {"preexec_fn": os.getpid, "detach": True}
outlive.Popen(["true"], **forked).wait()
before = os.listdir("/dev/fd")
for program in "true", "no-such-program":
    try:
        outlive.Popen([program], **forked).wait()
    except FileNotFoundError:
        pass
assert os.listdir("/dev/fd") == before
for closed in (0,), (0, 1), (0, 1, 2):
    saved = [os.dup(number) for number in range(3)]
    for number in closed:
        os.close(number)
    try:
        code = outlive.Popen(["sh", "-c", "exit 5"], **forked).wait()
    finally:
        for number, copy in enumerate(saved):
            os.dup2(copy, number)
            os.close(copy)
    assert code == 5, closed
"""
    )


def test_a_killed_parent_leaves_no_child_that_halts() -> None:
    """Also where others have copies of what the child waits for."""
    program = """
import os, signal, sys
from outlive import Popen, _forked, _native

def killed(*_):
    # Its own end of the pipe, in one who goes on.
    if os.fork() == 0:
        os.close(0)
        sys.stdout.write("x")
        sys.stdout.flush()
        os.close(1)
        signal.pause()
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)

_native.take_out = killed
Popen(["cat"], stdin=-3, preexec_fn=os.getpid, detach=True)
"""
    p = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert p.stdin is not None and p.stdout is not None
    try:
        assert p.stdout.read(1) == b"x"
        p.stdin.write(b"x")
        p.stdin.flush()
        assert p.wait() == -signal.SIGKILL
        # The child has its standard output: it is at its end when that has ended.
        assert p.stdout.read() == b""
    finally:
        os.killpg(p.pid, signal.SIGKILL)
