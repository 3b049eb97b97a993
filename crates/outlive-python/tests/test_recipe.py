"""The recipe: a parent starts a child with CREATE_BREAKAWAY_FROM_JOB, does other work, waits for it.
The child outlives a killed parent, and a killed cgroup."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import List

import pytest
from conftest import ROOT, Cgroup, Line

import outlive

PARENT = """
import sys
import outlive as subprocess

p = subprocess.Popen(sys.argv[2:], pass_fds=[int(sys.argv[1])], HOW)
print(p.pid, flush=True)
# Other work.
sum(range(1000))
p.wait()
"""


FLAGS = "creationflags=subprocess.CREATE_BREAKAWAY_FROM_JOB"


def parent(line: Line, how: str = FLAGS) -> List[str]:
    program = PARENT.replace("HOW", how)
    return [sys.executable, "-c", program, str(line.number), *line.command()]


def started(command: List[str], line: Line, **kwargs: object) -> subprocess.Popen[bytes]:
    """Starts the parent, which says when its child runs."""
    p = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[line.number], **kwargs)  # type: ignore[call-overload]
    line.hang_on()
    return p  # type: ignore[no-any-return]


def pid_of_child(p: subprocess.Popen[bytes]) -> int:
    assert p.stdout is not None
    return int(p.stdout.readline())


def test_the_examples_run() -> None:
    program = ROOT / "examples" / "parent_process.py"
    said = subprocess.run(
        [sys.executable, program, "1000"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert "done in" in said
    assert said.endswith("the child has ended with 0\n")


def test_the_parent_waits_for_the_child(line: Line) -> None:
    p = started(parent(line), line)
    child = pid_of_child(p)
    answer = line.ask()
    assert answer is not None and answer[0] == child
    line.close()
    assert p.wait() == 0


def test_the_child_outlives_a_killed_parent(line: Line) -> None:
    p = started(parent(line), line)
    child = pid_of_child(p)
    p.kill()
    assert p.wait() == -signal.SIGKILL
    answer = line.ask()
    assert answer is not None and answer[0] == child


@pytest.mark.parametrize("how", [FLAGS, f"{FLAGS}, preexec_fn=lambda: None"])
def test_the_child_outlives_a_killed_cgroup(how: str, line: Line, cgroup: Cgroup) -> None:
    p = started(cgroup.command(parent(line, how)), line)
    child = pid_of_child(p)
    with open(f"/proc/{child}/cgroup") as file:
        assert cgroup.folder.name not in file.read()
    cgroup.kill()
    assert p.wait() == -signal.SIGKILL
    answer = line.ask()
    assert answer is not None and answer[0] == child


def test_without_the_flag_it_ends_with_the_cgroup(line: Line, cgroup: Cgroup) -> None:
    p = started(cgroup.command(parent(line, "creationflags=0")), line)
    pid_of_child(p)
    assert line.ask() is not None
    cgroup.kill()
    assert p.wait() == -signal.SIGKILL
    assert line.ask() is None


def test_a_detached_child_outlives_a_killed_group(line: Line) -> None:
    p = started(parent(line, "detach=True"), line, start_new_session=True)
    child = pid_of_child(p)
    os.killpg(p.pid, signal.SIGKILL)
    assert p.wait() == -signal.SIGKILL
    assert line.ask() == (child, child)


def test_what_can_not_be_left_is_an_error(cgroup: Cgroup) -> None:
    program = """
import os, outlive, sys
# A plain user can't leave a cgroup of root's.
os.setgid(65534)
os.setuid(65534)
assert outlive.Popen(["true"], breakaway=True).wait() == 0
flag = outlive.CREATE_BREAKAWAY_FROM_JOB
def never():
    os.close(os.open(sys.argv[1], os.O_CREAT))
forked = {"creationflags": flag, "preexec_fn": never}
for how in {"creationflags": flag}, {"breakaway": "require"}, forked:
    try:
        outlive.Popen(["touch", sys.argv[1]], **how)
    except PermissionError as error:
        assert isinstance(error, outlive.RemainsError)
        print(error)
    else:
        sys.exit("it was started")
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("nothing is left")
"""
    if os.path.exists("/run/systemd/system"):
        pytest.skip("a systemd manager would move it to a scope")
    never = cgroup.folder / "never"
    said = subprocess.run(
        cgroup.command([sys.executable, "-c", program, str(never)]),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert said.count("failed to leave what could end it: cgroup") == 3
    assert said.endswith("nothing is left\n")
    assert not never.exists()


def test_the_report_says_how_the_cgroup_was_left(cgroup: Cgroup) -> None:
    program = """
import outlive
p = outlive.Popen(["cat"], stdin=outlive.PIPE, detach=True)
print(p.escapes["cgroup"].state, p.escapes["session"].state, len(p.escapes.dangers))
p.communicate()
"""
    said = subprocess.run(
        cgroup.command([sys.executable, "-c", program]),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert said.split()[:2] == ["left", "left"]


def test_the_flag_is_in_the_package_itself() -> None:
    assert outlive.CREATE_BREAKAWAY_FROM_JOB == 0x01000000
    # Programs ask for the others to learn the platform.
    assert hasattr(outlive, "CREATE_NO_WINDOW") == (os.name == "nt")
    assert outlive.flags.CREATE_NO_WINDOW == 0x08000000
