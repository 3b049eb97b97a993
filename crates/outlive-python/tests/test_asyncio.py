"""`create_subprocess_exec` and `create_subprocess_shell`, beside asyncio's own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from typing import Any, Callable, Tuple

import pytest
from conftest import Cgroup, Line, run_python

import outlive

PIPE = outlive.PIPE
BOTH: Any = [(asyncio, {}), (outlive, {}), (outlive, {"detach": True}), (outlive, {"breakaway": True})]


async def outcome(start: Callable[..., Any], args: Tuple[Any, ...], kwargs: Any) -> Tuple[Any, ...]:
    try:
        child = await start(*args, stdout=PIPE, **kwargs)
    except Exception as error:
        return type(error), getattr(error, "errno", None), str(error)
    said, _ = await child.communicate()
    return child.returncode, said


def test_streams_and_codes_are_asyncios() -> None:
    async def talk(module: Any, how: Any) -> Any:
        child: Any = await module.create_subprocess_exec(
            "sh", "-c", "read line; echo got $line; cat; echo err >&2; exit 3",
            stdin=PIPE, stdout=PIPE, stderr=PIPE, **how,
        )  # fmt: skip
        assert issubclass(type(child), asyncio.subprocess.Process)
        child.stdin.write(b"one\n")
        await child.stdin.drain()
        assert await child.stdout.readline() == b"got one\n"
        return await child.communicate(b"two"), child.returncode, await child.wait()

    async def all_of_them() -> None:
        for module, how in BOTH:
            assert await talk(module, how) == ((b"two", b"err\n"), 3, 3), (module, how)
            said = await module.create_subprocess_shell("echo $0; exit 4", stdout=PIPE, **how)
            assert (await said.communicate(), said.returncode) == ((b"/bin/sh\n", None), 4)

    asyncio.run(all_of_them())


def test_errors_are_asyncios() -> None:
    attempts: Any = [
        (("no-such-program",), {}),
        (("true",), {"cwd": "/no-such-folder"}),
        (("true",), {"text": True}),
        (("true",), {"universal_newlines": True}),
        (("true",), {"encoding": "utf-8"}),
        (("true",), {"errors": "strict"}),
        (("true",), {"bufsize": 1}),
        (("true",), {"bufsize": 0, "text": False}),
        (("true",), {"nonsense": 1}),
        (("true",), {"preexec_fn": print, "user": "no-such-user"}),
    ]

    async def compare() -> None:
        for args, kwargs in attempts:
            theirs = await outcome(asyncio.create_subprocess_exec, args, kwargs)
            ours = await outcome(outlive.create_subprocess_exec, args, {**kwargs, "detach": True})
            if "nonsense" in kwargs:
                theirs, ours = theirs[:1], ours[:1]
            assert ours == theirs, (args, kwargs)
        for given in {"shell": True}, {"creationflags": 1}, {"breakaway": "yes"}:
            with pytest.raises(ValueError):
                await outlive.create_subprocess_exec("true", **{"detach": True, **given})  # type: ignore[arg-type]
        theirs = await outcome(asyncio.create_subprocess_shell, (["true"],), {})
        assert await outcome(outlive.create_subprocess_shell, (["true"],), {"detach": True}) == theirs

    asyncio.run(compare())


def test_many_children_take_no_threads_and_leave_no_descriptors() -> None:
    async def one(number: int) -> None:
        child = await outlive.create_subprocess_exec(
            "sh", "-c", f"read it; exit {number}", stdin=PIPE, detach=True
        )
        assert child.stdin is not None
        threads.append(threading.active_count())
        child.stdin.close()
        assert await child.wait() == number

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(100)))

    threads = [threading.active_count()]
    asyncio.run(all_of_them())
    before = os.listdir("/dev/fd")
    asyncio.run(all_of_them())
    assert os.listdir("/dev/fd") == before
    if hasattr(os, "pidfd_open"):
        assert max(threads) == threads[0]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_without_pidfds_a_thread_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)

    async def main() -> None:
        child = await outlive.create_subprocess_exec("sh", "-c", "exit 9", detach=True)
        assert await child.wait() == 9

    asyncio.run(main())


def test_a_child_that_somebody_else_waits_for() -> None:
    async def main() -> None:
        child = await outlive.create_subprocess_exec("sleep", "86399", detach=True)
        child.kill()
        os.waitpid(child.pid, 0)
        assert await child.wait() == 255

    asyncio.run(main())


def test_signals_and_the_report() -> None:
    async def main() -> None:
        child = await outlive.create_subprocess_exec("sleep", "86399", detach=True)
        assert child.escapes is not None and child.escapes["session"].state == "left"
        child.send_signal(signal.SIGUSR1)
        assert await child.wait() == child.returncode == -signal.SIGUSR1
        plain = await outlive.create_subprocess_exec("true")
        assert plain.escapes is None and await plain.wait() == 0

    asyncio.run(main())


def test_a_cancelled_start_leaves_nothing(line: Line) -> None:
    async def main() -> None:
        starting = asyncio.ensure_future(
            outlive.create_subprocess_exec(
                *line.command(), stdin=PIPE, pass_fds=[line.number], detach=True
            )
        )
        # It has started the child, and waits for its pipe to be connected.
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(main())
    line.hang_on()
    assert line.ask() is None


PARENT = """
import asyncio, sys, outlive

async def main():
    child = await outlive.create_subprocess_exec(
        *sys.argv[2:], stdin=outlive.PIPE, stdout=outlive.DEVNULL, pass_fds=[int(sys.argv[1])], HOW)
    print(child.pid)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["detach=True", "breakaway=True"])
def test_a_child_goes_on_after_the_loop_and_the_program(how: str, line: Line) -> None:
    said = run_python(
        PARENT.replace("HOW", how), str(line.number), *line.command(), pass_fds=[line.number]
    )
    line.hang_on()
    answer = line.ask()
    assert answer is not None and answer[0] == int(said.stdout)


def test_a_child_outlives_a_killed_cgroup(line: Line, cgroup: Cgroup) -> None:
    program = PARENT.replace("HOW", "detach=True").replace("print(child.pid)", "await child.wait()")
    command = [sys.executable, "-c", program, str(line.number), *line.command()]
    p = subprocess.Popen(cgroup.command(command), pass_fds=[line.number])
    line.hang_on()
    assert line.ask() is not None
    cgroup.kill()
    assert p.wait() == -signal.SIGKILL
    assert line.ask() is not None
