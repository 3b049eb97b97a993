"""`outlive.Popen` beside `subprocess.Popen`: plain, where it is the same, and apart."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import Line, run_python

import outlive

HERE = Path(__file__).parent

#: All the ways in which a child is started apart.
APART: Any = [
    {"detach": True},
    {"breakaway": True},
    {"detach": True, "breakaway": False},
    {"creationflags": outlive.CREATE_BREAKAWAY_FROM_JOB},
    {"creationflags": outlive.flags.DETACHED_PROCESS},
]


def test_it_is_a_popen() -> None:
    with outlive.Popen(["true"], detach=True) as p:
        assert isinstance(p, subprocess.Popen)
    assert p.returncode == 0
    assert repr(p) == "<Popen: returncode: 0 args: ['true']>"
    assert outlive.Popen[bytes].__origin__ is outlive.Popen  # type: ignore[attr-defined]


def test_every_public_name_of_subprocess_is_there() -> None:
    for name in [*subprocess.__all__, "list2cmdline"]:
        assert hasattr(outlive, name), name
    assert set(subprocess.__all__) < set(outlive.__all__)
    assert all(hasattr(outlive, name) for name in outlive.__all__)
    assert outlive.CalledProcessError is subprocess.CalledProcessError


@pytest.mark.parametrize("mode", ["plain", "detach"])
def test_what_cpython_tests_of_subprocess(mode: str, tmp_path: Path) -> None:
    """CPython's own tests of `subprocess`, given this package instead of it."""
    if importlib.util.find_spec("test.test_subprocess") is None:
        pytest.skip("this Python comes without its own tests")
    said = subprocess.run(
        [sys.executable, "-W", "ignore", HERE / "cpython_tests.py", mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # They make files of fixed names.
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stdout
    ran = re.search(r"Ran (\d+) tests", said.stdout)
    assert ran is not None and int(ran[1]) > 250, said.stdout


@pytest.mark.parametrize("how", APART)
def test_streams_text_and_codes(how: Dict[str, Any]) -> None:
    p = outlive.Popen(
        ["sh", "-c", "tr a-z A-Z; echo err >&2; exit 3"],
        stdin=outlive.PIPE,
        stdout=outlive.PIPE,
        stderr=outlive.PIPE,
        encoding="utf-8",
        **how,
    )
    assert p.communicate("größe\n") == ("GRößE\n", "err\n")
    assert p.returncode == 3
    assert outlive.check_output("echo $0", shell=True, text=True, **how) == "/bin/sh\n"
    with pytest.raises(outlive.CalledProcessError) as raised:
        outlive.run(["sh", "-c", "kill -USR1 $$"], check=True, **how)
    assert raised.value.returncode == -signal.SIGUSR1
    assert outlive.getstatusoutput("echo out; exit 4") == (4, "out")


@pytest.mark.parametrize("how", APART)
def test_errors_are_those_of_subprocess(how: Dict[str, Any], tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    attempts: Any = [
        (["no-such-program"], {}),
        ([str(tmp_path / "no-such-program")], {}),
        ([str(plain)], {}),
        ([str(tmp_path)], {}),
        (["true"], {"cwd": str(tmp_path / "no-such-folder")}),
        (["true"], {"cwd": str(plain)}),
        (["tr\0ue"], {}),
        (["true"], {"env": {"A=B": "c"}}),
        (["true"], {"env": {"A": "b\0"}}),
        ([], {}),
        ([1], {}),
        (1, {}),
        (["true"], {"cwd": 1}),
        (["true"], {"executable": "no-such-program"}),
        (["true", "x" * (1 << 20)], {}),
        (Path("true"), {"shell": True}),
    ]
    for args, more in attempts:
        raised = []
        for popen, kwargs in [(subprocess.Popen, {}), (outlive.Popen, how)]:
            with pytest.raises(Exception) as caught:
                popen(args, **more, **kwargs)
            error = caught.value
            raised.append((type(error), getattr(error, "errno", None), str(error)))
        assert raised[0][:2] == raised[1][:2], (args, more)
        if raised[0][0] is not TypeError:
            assert raised[0][2] == raised[1][2], (args, more)


def test_what_makes_no_sense_is_refused() -> None:
    for given in [
        {"breakaway": "yes"},
        {"creationflags": 1},
        {"creationflags": outlive.CREATE_BREAKAWAY_FROM_JOB, "breakaway": False},
        {
            "creationflags": outlive.flags.IDLE_PRIORITY_CLASS
            | outlive.flags.HIGH_PRIORITY_CLASS
        },
    ]:
        with pytest.raises(ValueError):
            outlive.Popen(["true"], **given)  # type: ignore[arg-type]


LOOK = """
import os, signal, stat
names = os.listdir("/dev/fd")
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
print({
    "fds": [int(fd) for fd in names if is_open(int(fd)) and int(fd) > 2],
    "session": os.getsid(0) == os.getpid(),
    "group": os.getpgid(0) == os.getpid(),
    "umask": os.umask(0),
    "cwd": os.getcwd(),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "hup": signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "env": {name: os.environ[name] for name in os.environ if name.startswith("OUTLIVE_T")},
    "cookie": "JENKINS_NODE_COOKIE" in os.environ,
})
"""


def look(**given: Any) -> Dict[str, Any]:
    said = outlive.check_output([sys.executable, "-c", LOOK], **given)
    return eval(said)  # type: ignore[no-any-return]


def test_a_detached_child_has_a_session_and_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JENKINS_NODE_COOKIE", "hunted")
    monkeypatch.setenv("OUTLIVE_T", "kept")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        seen = look(detach=True)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        signal.signal(signal.SIGHUP, before)
    assert seen["session"] and seen["group"]
    assert seen["fds"] == [] and seen["blocked"] == [] and not seen["hup"]
    assert seen["env"] == {"OUTLIVE_T": "kept"} and not seen["cookie"]


def test_its_input_is_null_only_if_it_is_detached() -> None:
    said = run_python(
        """
import outlive
print(outlive.check_output(["cat"], detach=True))
print(outlive.check_output(["cat"], breakaway=True))
""",
        input="ours",
    )
    assert said.stdout == "b''\nb'ours'\n"


def test_the_documented_arguments(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.set_inheritable(writes, True)
    try:
        seen = look(
            breakaway=True,
            start_new_session=True,
            pass_fds=[reads],
            umask=0o27,
            cwd=tmp_path,
            env={"OUTLIVE_T": "x"},
        )
        assert seen["session"] and seen["fds"] == [reads]
        assert (seen["umask"], seen["cwd"]) == (0o27, str(tmp_path))
        assert seen["env"] == {"OUTLIVE_T": "x"}
        assert writes in look(breakaway=True, close_fds=False)["fds"]
        assert look(breakaway=True)["fds"] == []
    finally:
        os.close(reads)
        os.close(writes)
    assert outlive.check_output(["me", "-c", "echo $0"], executable="sh", detach=True) == b"me\n"


def test_the_flags_of_windows() -> None:
    flags = outlive.flags
    seen = look(creationflags=flags.CREATE_NEW_PROCESS_GROUP)
    assert seen["group"] and not seen["session"]
    seen = look(creationflags=flags.DETACHED_PROCESS)
    assert seen["group"] and seen["session"]
    seen = look(creationflags=flags.CREATE_NO_WINDOW)
    assert not seen["group"] and not seen["session"]
    # Its niceness is set right after its start: it is there for certain once it was let go on.
    gate = "import os, sys; sys.stdin.read(); print(os.getpriority(os.PRIO_PROCESS, 0))"
    p: outlive.Popen[bytes] = outlive.Popen(
        [sys.executable, "-c", gate],
        stdin=outlive.PIPE,
        stdout=outlive.PIPE,
        creationflags=flags.IDLE_PRIORITY_CLASS,
    )
    assert p.communicate()[0] == b"19\n"
    # As the last of the positional arguments that subprocess documents.
    positional = (["true"], -1, None, None, None, None, None, True, False, None, None, None, None)
    assert outlive.Popen(*positional, flags.DETACHED_PROCESS).wait() == 0


def test_the_report(line: Line) -> None:
    p: outlive.Popen[bytes] = outlive.Popen(line.command(), pass_fds=[line.number], detach=True)
    line.hang_on()
    assert line.ask() == (p.pid, p.pid)
    assert p.escapes is not None and p.escapes["session"].state == "left"
    line.close()
    assert p.wait() == 0
    # What was seen stays.
    assert p.escapes["session"].kind == "lifetime"
    p = outlive.Popen(["true"], detach=True)
    p.wait()
    with pytest.raises(outlive.NotRunningError):
        p.escapes
    p = outlive.Popen(["true"])
    p.wait()
    assert p.escapes is None


def test_a_wait_hears_signals_and_times_out(line: Line) -> None:
    p: outlive.Popen[bytes] = outlive.Popen(line.command(), pass_fds=[line.number], detach=True)
    line.hang_on()
    with pytest.raises(outlive.TimeoutExpired):
        p.wait(0.01)

    class Heard(Exception):
        pass

    def raise_it(*_: object) -> None:
        raise Heard

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        with pytest.raises(Heard):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            p.wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert line.ask() is not None
    line.close()
    assert p.wait() == 0


def test_other_threads_run_while_one_waits(line: Line) -> None:
    p: outlive.Popen[bytes] = outlive.Popen(line.command(), pass_fds=[line.number], detach=True)
    line.hang_on()
    codes = []
    waiter = threading.Thread(target=lambda: codes.append(p.wait()))
    waiter.start()
    assert line.ask() == (p.pid, p.pid)
    line.close()
    waiter.join()
    assert codes == [0]


def test_a_thousand_in_eight_threads_leave_nothing() -> None:
    said = run_python(
        """
import os, threading, outlive

def start():
    for n in range(125):
        how = {"detach": True} if n % 2 else {"creationflags": outlive.CREATE_BREAKAWAY_FROM_JOB}
        with outlive.Popen(["echo", "x"], stdout=outlive.PIPE, **how) as p:
            assert p.stdout.read() == b"x\\n"
        assert p.returncode == 0
        os.environ[f"OUTLIVE_T{n}"] = "changes meanwhile"

start()
before = os.listdir("/dev/fd")
threads = [threading.Thread(target=start) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert os.listdir("/dev/fd") == before, os.listdir("/dev/fd")
# One of ours may still be on its way out of the kernel.
ours = {os.getpid(), *(thread.native_id for thread in threads)}
assert {int(task) for task in os.listdir("/proc/self/task")} <= ours
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nothing is left")
"""
    )
    assert said.stdout == "nothing is left\n"


def test_a_start_takes_few_descriptors() -> None:
    """Six are of its three pipes, and three are copies of the child's ends. (Where a systemd manager
    moves the child it takes one more.)
    """
    said = run_python(
        """
import errno, os, resource, outlive
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
pipes = {"stdin": outlive.PIPE, "stdout": outlive.PIPE, "stderr": outlive.PIPE}
for how in {"detach": True}, {"creationflags": outlive.CREATE_BREAKAWAY_FROM_JOB}:
    # Where only some of its pipes can be made, subprocess itself leaves those open (Python 3.10).
    for free in 9, 8, 6, 0:
        taken = []
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        for number in taken[:free]:
            os.close(number)
        try:
            with outlive.Popen(["cat"], **pipes, **how) as p:
                print(free, p.communicate(b"x"))
        except OSError as error:
            print(free, errno.errorcode[error.errno])
        # Nothing of a start that has failed is left open.
        again = [os.open(os.devnull, os.O_RDONLY) for _ in range(free)]
        for number in [*taken[free:], *again]:
            os.close(number)
"""
    )
    assert said.stdout == "9 (b'x', b'')\n8 EMFILE\n6 EMFILE\n0 EMFILE\n" * 2


def test_a_forked_process_can_start_children() -> None:
    said = run_python(
        """
import os, sys, outlive
assert outlive.Popen(["true"], detach=True).wait() == 0
pid = os.fork()
if pid == 0:
    os.setsid()
    p = outlive.Popen(["cat"], stdin=outlive.PIPE, detach=True)
    seen = p.escapes["session"]
    p.communicate()
    print(seen.state, str(os.getpid()) in seen.detail, flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
    )
    assert said.stdout == "left True\n"


def test_what_is_forked_while_threads_start_children_can_do_so_too() -> None:
    """Of the other threads it has nothing but the locks that they held."""
    said = run_python(
        """
import os, threading, warnings, outlive
# From Python 3.12 on a fork beside threads warns of just this.
warnings.simplefilter("ignore", DeprecationWarning)
done = threading.Event()

def start():
    while not done.is_set():
        with outlive.Popen(["true"], stdin=outlive.PIPE, detach=True) as p:
            p.escapes

threads = [threading.Thread(target=start) for _ in range(4)]
for thread in threads: thread.start()
for n in range(50):
    pid = os.fork()
    if pid == 0:
        code = outlive.call(["sh", "-c", "exit 7"], detach=True)
        outlive.spawnlp(outlive.P_DETACH, "true", "true")
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
done.set()
for thread in threads: thread.join()
print("all of them")
"""
    )
    assert said.stdout == "all of them\n"


def test_a_second_interpreter_is_refused() -> None:
    module = next(
        (it for it in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(it)),
        None,
    )
    if module is None:
        pytest.skip("this Python has no subinterpreters")
    said = run_python(
        f"""
import outlive
import {module} as interpreters
program = '''
try:
    import outlive
except ImportError as error:
    print(error, flush=True)
'''
interpreters.run_string(interpreters.create(), program)
"""
    )
    assert "subinterpreter" in said.stdout
