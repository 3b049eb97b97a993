"""What jobs print, with its times and streams; their terminals; and what happens to them."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import interrupted

import outlive

pytestmark = pytest.mark.usefixtures("home")


def test_lines_have_times_and_streams() -> None:
    script = "echo out; echo err >&2; read x; echo last; printf part"
    job = outlive.start(["sh", "-c", script], stdin="keep", timestamps=True, split=True)
    coming = job.follow_lines()
    first = [next(coming), next(coming)]
    assert {(it.stream, it.text, it.ends) for it in first} == {
        ("stdout", b"out", True),
        ("stderr", b"err", True),
    }
    job.send("go\n")
    rest = list(coming)
    assert [(it.text, it.ends) for it in rest] == [(b"last", True), (b"part", False)]
    status = job.wait()
    assert status.output_form == outlive.OutputForm(timestamps=True, split=True)
    assert status.started_at is not None and status.ended_at is not None
    times = [it.time for it in first + rest if it.time is not None]
    assert len(times) == 4 and times == sorted(times) and times[-1] <= status.ended_at
    assert [it.text for it in job.lines(stream="stderr")] == [b"err"]
    assert [it.text for it in job.lines(since=times[-1], stream="stdout")][-1] == b"part"
    assert job.output(until=status.started_at) == b""
    assert job.output(since=status.ended_at + timedelta(seconds=1)) == b""
    assert job.output(stream="stdout", lines=2) == b"last\npart"
    assert b"".join(job.follow(stream="stderr")) == b"err\n"


def test_lines_of_a_plain_output() -> None:
    job = outlive.start(["sh", "-c", "echo one; echo two"])
    job.wait()
    assert [(it.text, it.time, it.stream) for it in job.lines()] == [
        (b"one", None, None),
        (b"two", None, None),
    ]
    with pytest.raises(outlive.UnsupportedError, match="timestamps"):
        job.output(since=job.status().started_at)
    with pytest.raises(outlive.UnsupportedError, match="split"):
        job.output(stream="stderr")
    with pytest.raises(ValueError):
        job.output(stream="both")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        job.output(first=True)  # type: ignore[call-arg]


def test_lines_before_a_failure_are_there() -> None:
    job = outlive.start(["sh", "-c", "echo one; echo two; read x"], stdin="keep", ready="log:two")
    job.wait_ready()
    lines = job.follow_lines()
    job.stop(0)
    job.remove()
    assert [next(lines).text, next(lines).text] == [b"one", b"two"]
    with pytest.raises(OSError, match="it was removed"):
        next(lines)


def test_lines_in_an_event_loop() -> None:
    async def main() -> None:
        job = outlive.start(["sh", "-c", "read x; echo $x; read x"], stdin="keep", timestamps=True)
        lines = job.follow_lines_async()
        job.send("hi\n")
        line = await lines.__anext__()
        assert line.text == b"hi" and line.time is not None
        job.send("", eof=True)
        assert [line async for line in lines] == []

    asyncio.run(main())


#: It says how large its terminal is whenever it reads a line.
SIZED = """
import os, sys
print("ready", flush=True)
for line in sys.stdin:
    print("size", *os.get_terminal_size(), line.strip(), flush=True)
"""

on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals of jobs")


@on_terminals
def test_sitting_down_at_a_terminal() -> None:
    job = outlive.start([sys.executable, "-c", SIZED], tty=(100, 30))
    assert job.status().terminal == os.terminal_size((100, 30))
    with job.attach() as terminal:
        assert terminal.readline() == b"ready\r\n"
        assert terminal.size == (100, 30) and terminal.isatty()
        assert terminal.write(b"one\r") == 4
        assert terminal.readline() == b"one\r\n"
        assert terminal.readline() == b"size 100 30 one\r\n"
        terminal.set_size(os.terminal_size((132, 43)))
        with job.attach(lines=0) as other:
            assert other.size == (132, 43)
            terminal.write(b"two\r")
            for seat in (terminal, other):
                assert seat.readline() == b"two\r\n"
                assert seat.readline() == b"size 132 43 two\r\n"
        with pytest.raises(ValueError):
            terminal.set_size((0, 1))
        terminal.write(b"\x04")
        assert terminal.read() == b""
        assert terminal.descriptors() == []
    assert job.wait().exit_code == 0
    with pytest.raises(ValueError):
        terminal.read(1)
    with pytest.raises(outlive.NotRunningError):
        job.attach()
    with pytest.raises(outlive.UnsupportedError):
        outlive.start(["sleep", "86399"]).attach()


@on_terminals
def test_a_terminal_in_an_event_loop() -> None:
    async def main() -> None:
        job = outlive.start(["sh", "-c", "stty raw -echo; echo go; head -c 300000 | wc -c"], tty=(80, 24))
        with job.attach() as terminal:
            seen = b""
            while b"go" not in seen:
                seen += await terminal.read_async()
            # More than a terminal holds: it is typed as it is read.
            await terminal.write_async(b"x" * 300000)
            block = await terminal.read_async(1)
            rest = b""
            while block:
                rest += block
                block = await terminal.read_async()
        assert rest.split() == [b"300000"]

    asyncio.run(main())


@on_terminals
def test_a_terminal_hears_ctrl_c() -> None:
    job = outlive.start(["sleep", "86399"], tty=(80, 24))
    waits = ["lambda: job.attach().read(1)", "lambda: next(outlive.events())"]
    assert interrupted(job.id, *waits) == ["heard", "heard"]
    assert job.status().state == "running"


def test_what_happens_is_told(tmp_path: Path) -> None:
    events = outlive.events()
    assert events.wait(0) is None and events.wait(0.01) is None
    job = outlive.start(["sh", "-c", "read x"], stdin="keep", ready="log:never")
    started = next(events)
    assert (started.kind, started.status.id) == ("started", job.id)
    assert started.at == started.status.started_at
    job.send("", eof=True)
    ended = next(events)
    assert (ended.kind, ended.status.state, ended.at) == ("ended", "exited", ended.status.ended_at)
    job.remove()
    removed = events.wait(timeout=600)
    assert removed is not None and (removed.kind, removed.at) == ("removed", None)
    elsewhere = outlive.events(home=tmp_path / "other")
    outlive.start(["true"], home=tmp_path / "other").wait()
    assert next(elsewhere).kind == "started"
    assert events.wait(0) is None


def test_events_in_an_event_loop() -> None:
    async def main() -> None:
        events = outlive.events()
        coming = asyncio.ensure_future(events.__anext__())
        await asyncio.sleep(0)
        job = outlive.start(["true"])
        assert (await coming).kind == "started"
        async for event in events:
            assert (event.kind, event.status.id) == ("ended", job.id)
            break

    asyncio.run(main())
