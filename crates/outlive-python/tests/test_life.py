"""How long jobs live, what they may use, and when they are ready."""

from __future__ import annotations

import asyncio
import math
import os
import pwd
import signal
import sys
from pathlib import Path

import pytest

import outlive

pytestmark = pytest.mark.usefixtures("home")

#: It tells that it is ready, as sd_notify(3) does, when it reads a line, and then what it does.
NOTIFYING = """
import os, socket, sys
sys.stdin.readline()
line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = os.environ["NOTIFY_SOCKET"]
line.connect("\\0" + address[1:] if address[0] == "@" else address)
line.send(b"READY=1\\nSTATUS=serving\\nMAINPID=%d" % os.getpid())
sys.stdin.readline()
"""


def test_its_time_is_up() -> None:
    job = outlive.start(["sleep", "86399"], timeout=0.01, stop_signal=signal.SIGINT, grace=600)
    status = job.wait()
    assert (status.state, status.signal, status.success) == ("timed-out", signal.SIGINT, False)
    assert status.runs[-1].timed_out and status.grace == 600
    running = outlive.start(["sleep", "86399"], timeout=3600).status()
    assert running.started_at is not None and running.times_out_at is not None
    assert 3590 < (running.times_out_at - running.started_at).total_seconds() < 3610


@pytest.mark.parametrize("ever", [math.inf, 1e300])
def test_a_time_may_be_for_ever(ever: float) -> None:
    job = outlive.start(
        ["sh", "-c", "echo up; read x"],
        stdin="keep",
        timeout=ever,
        expire=ever,
        grace=ever,
        ready="log:up",
        ready_timeout=ever,
    )
    assert job.wait_ready(ever).is_ready
    with pytest.raises(outlive.WaitTimeoutError):
        job.wait(0)
    assert job.stop(ever).how == "whole"
    status = job.wait(ever)
    assert (status.state, status.times_out_at, status.expires_at) == ("signaled", None, None)
    assert outlive.prune(older_than=ever) == []


@pytest.mark.parametrize("wrong", [-1, -math.inf, math.nan])
def test_a_time_is_a_number_of_seconds(wrong: float) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        outlive.start(["true"], timeout=wrong)
    assert outlive.jobs() == []


def test_its_end_is_told_to_a_line(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    line = f'echo "$OUTLIVE_NAME $OUTLIVE_STATE $OUTLIVE_EXIT_CODE" >{told}'
    outlive.start(["sh", "-c", "exit 3"], name="job", on_end=line)
    assert told.read_text() == "job exited 3\n"
    with pytest.raises(ValueError):
        outlive.start(["true"], on_end="a\0b")


def test_what_is_over_expires() -> None:
    running = outlive.start(["sleep", "86399"], expire=3600)
    assert running.status().expires_at is None
    running.stop(0)
    status = running.status()
    assert status.ended_at is not None and status.expires_at is not None
    assert (status.expires_at - status.ended_at).total_seconds() == 3600


def test_who_fails_is_started_again() -> None:
    job = outlive.start(
        ["sh", "-c", "exit 3"], restart="on-failure", max_restarts=1, success_codes=[0, 4]
    )
    status = job.wait()
    assert (status.exit_code, status.success, status.restarts) == (3, False, 1)
    assert [run.exit_code for run in status.runs] == [3, 3]
    good = outlive.start(["sh", "-c", "exit 4"], restart="on-failure", success_codes=[4]).wait()
    assert (good.restarts, good.success) == (0, True)
    ended = outlive.start(
        ["sh", "-c", "kill -HUP $$"], restart="on-failure", success_codes=[signal.SIGHUP]
    ).wait()
    assert (ended.restarts, ended.success) == (0, True)


def test_what_is_always_started_again_is_stopped() -> None:
    events = outlive.events()
    job = outlive.start(["true"], restart="always")
    kinds = [next(events).kind]
    while "restarted" not in kinds:
        kinds.append(next(events).kind)
    # It runs, or waits for its next run: either way it has not ended.
    with pytest.raises(outlive.RunningError):
        job.remove()
    job.stop()
    status = job.wait()
    assert status.restarts >= 1 and status.restarts_at is None
    assert status.state not in ("running", "waiting")
    job.remove()


def test_what_is_ready_is_waited_for() -> None:
    job = outlive.start(["sh", "-c", "read x; echo it is up; read x"], stdin="keep", ready="log:up$")
    with pytest.raises(outlive.WaitTimeoutError):
        job.wait_ready(timeout=0.01)
    assert job.status().ready == "log:up$" and not job.status().is_ready
    job.send("go\n")
    status = job.wait_ready()
    assert status.is_ready and status.ready_at is not None
    assert status.runs[-1].ready_at == status.ready_at
    assert asyncio.run(job.wait_ready_async()).is_ready
    late = outlive.start(["sleep", "86399"], ready="file:never", ready_timeout=0.01)
    assert late.wait_ready().ready_timed_out and not late.wait().is_ready
    patient = outlive.start(
        ["sleep", "86399"], ready="file:never", ready_timeout=0.01, keep_going=True
    )
    with pytest.raises(outlive.WaitTimeoutError):
        patient.wait_ready(timeout=0.1)
    assert patient.status().state == "running"
    over = outlive.start(["true"], ready="file:never")
    assert not over.wait_ready().is_ready
    assert outlive.start(["sleep", "86399"]).wait_ready().is_ready


def test_an_event_loop_waits_until_it_is_ready() -> None:
    async def main() -> None:
        job = outlive.start(["sh", "-c", "read x; echo up; read x"], stdin="keep", ready="log:up")
        waiting = asyncio.ensure_future(job.wait_ready_async())
        await asyncio.sleep(0)
        assert not waiting.done()
        job.send("go\n")
        assert (await waiting).is_ready

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="sd_notify is Linux's")
def test_it_says_what_it_does() -> None:
    job = outlive.start([sys.executable, "-c", NOTIFYING], ready="notify", stdin="keep")
    job.send("go\n")
    status = job.wait_ready()
    assert (status.is_ready, status.status_text, status.phase) == (True, "serving", None)
    assert status.main_pid == status.pid
    silent = outlive.start(["sleep", "86399"], watchdog=0.05)
    assert silent.wait().watchdog_expired


def test_what_it_may_use() -> None:
    limits = outlive.Limits(nice=7)
    job = outlive.start(["sleep", "86399"], limits=limits)
    status = job.status()
    assert status.pid is not None and os.getpriority(os.PRIO_PROCESS, status.pid) == 7
    assert status.limits == limits
    usage = job.usage()
    assert usage is not None and usage.tasks == 1 and usage.memory
    assert usage.cpu_time is not None and usage.cpu_time < 60
    assert outlive.usage().keys() == {job.id}
    job.stop(0)
    assert job.usage() is None and outlive.usage() == {}


def test_who_takes_too_much_memory_is_ended() -> None:
    limits = outlive.Limits(memory=32 << 20, cpus=0.5, tasks=20)
    hungry = "held = [bytearray(1 << 20) for _ in range(1 << 16)]"
    try:
        job = outlive.start([sys.executable, "-c", hungry], limits=limits)
    except outlive.UnsupportedError as error:
        pytest.skip(f"limits: {error}")
    status = job.wait()
    assert (status.signal, status.is_out_of_memory) == (signal.SIGKILL, True)
    assert status.oom_kills >= 1 and status.limits == limits


def test_who_it_is(tmp_path: Path) -> None:
    script = ["sh", "-c", "id -un; id -gn; echo $HOME"]
    if os.geteuid() != 0:
        with pytest.raises(outlive.Error):
            outlive.start(script, user="root", cwd="/")
        pytest.skip("only root may start a job as another user")
    nobody = pwd.getpwnam("nobody")
    job = outlive.start(script, user="nobody", group="daemon", cwd="/")
    status = job.wait()
    assert job.output().decode().splitlines() == ["nobody", "daemon", nobody.pw_dir]
    assert (status.user, status.group) == ("nobody", "daemon")
    number = outlive.start(["id", "-u"], user=nobody.pw_uid, cwd="/")
    assert number.wait().exit_code == 0
    assert number.output() == b"%d\n" % nobody.pw_uid


def test_what_makes_no_sense_is_refused() -> None:
    for wrong in (
        {"timeout": -1},
        {"restart": "sometimes"},
        {"restart": "always", "max_restarts": -1},
        {"success_codes": [-1]},
        {"ready": "port:0"},
        {"ready": "soon"},
        {"limits": outlive.Limits(memory=-1)},
        {"limits": outlive.Limits(cpus=0.001)},
        {"limits": outlive.Limits(nice=20)},
        {"tty": (0, 24)},
        {"tty": (80, 70000)},
        {"via": "door"},
    ):
        with pytest.raises(ValueError):
            outlive.start(["true"], **wrong)
    assert outlive.jobs() == []
