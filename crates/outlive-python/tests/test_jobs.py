"""Jobs, from the side of a person who writes Python."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest
from conftest import interrupted, run_python

import outlive

pytestmark = pytest.mark.usefixtures("home")


def test_a_job_is_there_for_whoever_comes_later() -> None:
    before = datetime.now(timezone.utc)
    run_python('import outlive; outlive.start(["sh", "-c", "echo hi; exit 7"], name="early")')
    job = outlive.job("early")
    status = job.wait()
    assert (status.state, status.exit_code, status.returncode) == ("exited", 7, 7)
    assert job.output() == b"hi\n"
    assert job.name == "early" and job.id == status.id and repr(job) == f"<Job {job.id}>"
    assert status.command == ("sh", "-c", "echo hi; exit 7")
    assert status.started_at is not None and status.ended_at is not None
    assert before.timestamp() - 1 < status.started_at.timestamp() <= status.ended_at.timestamp()
    assert [it.id for it in outlive.jobs()] == [job.id]
    assert status.runs[-1].exit_code == 7
    job.remove()
    assert outlive.jobs() == []
    with pytest.raises(outlive.NoSuchJobError):
        job.status()


def test_what_goes_to_another_process_is_pickled(home: Path) -> None:
    job = outlive.start(["sleep", "86399"], name="known")
    elsewhere = outlive.job("known", home=home)
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).status().name)"
    for it, env in [(job, None), (elsewhere, {**os.environ, "OUTLIVE_HOME": "/no-such-home"})]:
        pickled = pickle.dumps(it)
        said = subprocess.run(
            [sys.executable, "-c", program], input=pickled, stdout=subprocess.PIPE, env=env
        )
        assert said.stdout == b"known\n"
    for value in job.status(), job.escapes, outlive.survey():
        assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(outlive.NameInUseError) as raised:
        outlive.start(["true"], name="known")
    error = pickle.loads(pickle.dumps(raised.value))
    assert (type(error), str(error)) == (outlive.NameInUseError, str(raised.value))
    job.stop(0)
    gone = pickle.dumps(job)
    job.remove()
    with pytest.raises(outlive.NoSuchJobError):
        pickle.loads(gone)


def test_talking_to_a_job() -> None:
    job = outlive.start(["sort"], name="fruit", stdin="keep")
    job.send("pear\n")
    job.send(b"apple\n", eof=True)
    assert b"".join(job.follow()) == b"apple\npear\n"
    assert job.wait().exit_code == 0
    assert job.output(lines=1) == b"pear\n"
    with pytest.raises(outlive.NotRunningError):
        job.send("more")


def test_a_follower_gets_what_comes() -> None:
    job = outlive.start(["sh", "-c", "while read word; do echo got $word; done"], stdin="keep")
    follower = job.follow()
    for word in ("one", "two"):
        job.send(f"{word}\n")
        seen = b""
        while not seen.endswith(b"\n"):
            seen += next(follower)
        assert seen == f"got {word}\n".encode()
    job.send("", eof=True)
    assert list(follower) == []


def test_who_reads_no_more_is_named() -> None:
    job = outlive.start(["sh", "-c", "exec <&-; echo closed; exec sleep 86399"], stdin="keep")
    assert next(job.follow()) == b"closed\n"
    with pytest.raises(outlive.InputClosedError, match="has closed its standard input") as raised:
        job.send("more")
    assert isinstance(raised.value, BrokenPipeError) and raised.value.errno == errno.EPIPE
    job.stop(0)


def test_a_signal_that_there_is_not_is_refused() -> None:
    job = outlive.start(["sleep", "86399"])
    for number in (999, -9):
        with pytest.raises(outlive.InvalidError, match=f"signal {number}"):
            job.kill(number)
    job.stop(0)
    with pytest.raises(ValueError):
        job.kill(999)


def test_stop_and_kill() -> None:
    job = outlive.start(["sh", "-c", "setsid sleep 86399 & sleep 86399"])
    assert job.stop() == outlive.Stopped("whole", 0)
    assert job.stop().how == "already-ended"
    status = job.status()
    assert status.stopped and status.signal == signal.SIGTERM
    assert status.returncode == -signal.SIGTERM
    job = outlive.start(["sleep", "86399"])
    job.kill(signal.SIGUSR1)
    assert job.wait().signal == signal.SIGUSR1
    with pytest.raises(outlive.NotRunningError):
        job.kill()
    assert issubclass(outlive.NotRunningError, ProcessLookupError)


def test_a_wait_that_times_out_harms_nothing() -> None:
    job = outlive.start(["cat"], stdin="keep")
    with pytest.raises(outlive.WaitTimeoutError) as raised:
        job.wait(timeout=0.01)
    assert isinstance(raised.value, subprocess.TimeoutExpired)
    assert isinstance(raised.value, outlive.Error)
    assert raised.value.timeout == 0.01
    job.send("x", eof=True)
    assert job.wait(timeout=600).exit_code == 0


def test_a_wait_hears_ctrl_c() -> None:
    job = outlive.start(["sleep", "86399"])
    waits = ["job.wait", "lambda: list(job.follow())"]
    assert interrupted(job.id, *waits) == ["heard", "heard"]
    assert job.status().state == "running"


def test_other_threads_run_while_one_waits() -> None:
    job = outlive.start(["cat"], stdin="keep")
    seen = []
    waiter = threading.Thread(target=lambda: seen.append(job.wait()))
    waiter.start()
    job.send("", eof=True)
    waiter.join()
    assert seen[0].exit_code == 0


def test_jobs_in_an_event_loop() -> None:
    async def main() -> None:
        first = outlive.start(["cat"], stdin="keep")
        second = outlive.start(["sh", "-c", "read x; exit 5"], stdin="keep")
        waiting = asyncio.ensure_future(asyncio.wait_for(first, timeout=None))
        second.send("go\n")
        assert (await second).exit_code == 5
        assert not waiting.done()
        first.send("all\n", eof=True)
        blocks = [block async for block in first.follow_async()]
        assert b"".join(blocks) == b"all\n"
        assert (await waiting).exit_code == 0
        third = outlive.start(["sleep", "86399"])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(third, timeout=0.01)
        assert third.status().state == "running"

    asyncio.run(main())


def test_restart_keeps_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLIVE_T", "first")
    monkeypatch.setenv("OUTLIVE_U", "there")
    script = "echo $OUTLIVE_T $OUTLIVE_S ${OUTLIVE_U-gone}"
    job = outlive.start(["sh", "-c", script], env={"OUTLIVE_S": "set", "OUTLIVE_U": None})
    job.wait()
    monkeypatch.setenv("OUTLIVE_T", "second")
    again = job.restart()
    assert again.id == job.id
    assert again.wait().exit_code == 0
    assert again.output() == b"first set gone\nsecond set gone\n"
    assert again.output(latest=True) == b"second set gone\n"


def test_where_and_how_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLIVE_SECRET", "hush")
    given = tmp_path / "given"
    given.write_text("given")
    output = tmp_path / "output"
    job = outlive.start(
        ["sh", "-c", "pwd; umask; cat; env"],
        cwd=tmp_path,
        umask=0o27,
        stdin=given,
        output=output,
        clear_env=True,
        env={"A": "b"},
        secret_env=["OUTLIVE_SECRET"],
    )
    assert job.wait().exit_code == 0
    said = output.read_text()
    assert said.startswith(f"{tmp_path}\n0027\ngiven")
    assert "\nOUTLIVE_SECRET=hush\n" in said and "A=b\n" in said
    assert "HOME=" not in said
    assert job.output().decode() == said


def test_what_goes_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        outlive.start(["no-such-program"])
    assert isinstance(raised.value, outlive.Error)
    assert "hint: is it installed" in str(raised.value)
    with pytest.raises(PermissionError):
        outlive.start([str(tmp_path)])
    with pytest.raises(ValueError):
        outlive.start(["true"], name="no/slash")
    with pytest.raises(ValueError):
        outlive.start([])
    with pytest.raises(ValueError):
        outlive.start(["true"], until="never")  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        outlive.start(["true"], reset=["everything"])
    outlive.start(["sleep", "86399"], name="one")
    with pytest.raises(FileExistsError):
        outlive.start(["true"], name="one")
    with pytest.raises(outlive.RunningError):
        outlive.job("one").remove()
    with pytest.raises(LookupError) as missing:
        outlive.job("onne")
    assert missing.value.near == ["one"]  # type: ignore[attr-defined]
    assert [it.name for it in outlive.jobs()] == ["one"]


def test_prune_and_other_homes(tmp_path: Path) -> None:
    other = tmp_path / "other"
    job = outlive.start(["true"], home=other)
    job.wait()
    assert outlive.jobs() == []
    assert [it.id for it in outlive.jobs(home=other)] == [job.id]
    assert outlive.prune(older_than=3600, home=other) == []
    assert outlive.prune(home=other) == [job.id]


def test_the_report_of_a_job() -> None:
    job = outlive.start(["sleep", "86399"])
    report = job.escapes
    assert report is not None and report["session"].state == "left"
    with pytest.raises(KeyError):
        report["weather"]
    planned = outlive.doctor()
    assert planned["session"].state == "left"
    seen = outlive.survey()
    assert seen.session == os.getsid(0) and seen.user == os.geteuid()


def test_the_keeper_is_the_executable_of_the_package() -> None:
    job = outlive.start(["sleep", "86399"])
    keeper = job.status().keeper_pid
    assert os.path.samefile(f"/proc/{keeper}/exe", outlive.find_outlive_bin())
    said = subprocess.run(
        [sys.executable, "-m", "outlive", "list"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert job.id in said
