"""What starting a program costs from Python: `cargo xtask bench --only python`.

Each way is taken in turn, round after round, so that what else the machine does hits all alike, and
twice, of which the second time counts. The median of each is shown, and how it compares with
`subprocess`. What forks has rounds of its own: what a fork leaves behind (all pages of this process
are write-protected) hits whoever is next, for more than one start.
"""

from __future__ import annotations

import argparse
import mmap
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, Dict, List, Optional

import outlive

#: What is touched by the large parent.
LARGE = 2 << 30

Way = Callable[[], None]

#: Jobs that are to be forgotten, which is not part of what is measured.
started: List[outlive.Job] = []


def do_nothing() -> None:
    pass


def children() -> Dict[str, Way]:
    """Ways to start `true` and wait for it."""
    flag = outlive.CREATE_BREAKAWAY_FROM_JOB
    return {
        "subprocess.Popen": lambda: done(subprocess.Popen(["true"])),
        "outlive.Popen": lambda: done(outlive.Popen(["true"])),
        "outlive.Popen, detach, breakaway": lambda: done(
            outlive.Popen(["true"], detach=True, breakaway=True)
        ),
        "outlive.Popen, CREATE_BREAKAWAY_FROM_JOB": lambda: done(
            outlive.Popen(["true"], creationflags=flag)
        ),
    }


def forks() -> Dict[str, Way]:
    """A way to do so in a session of its own that forks this process."""
    forked = {"start_new_session": True, "preexec_fn": do_nothing}
    return {"subprocess.Popen, preexec_fn": lambda: done(subprocess.Popen(["true"], **forked))}


def done(p: "subprocess.Popen[bytes]") -> None:
    if p.wait() != 0:
        sys.exit("`true` has failed")


def background() -> Dict[str, Way]:
    """Ways to start something that goes on by itself, until it has been started."""
    context = multiprocessing.get_context("spawn")

    def spawned() -> None:
        process = context.Process(target=do_nothing)
        process.start()
        process.join()

    ways: Dict[str, Way] = {
        "outlive.start": lambda: started.append(outlive.start(["true"])),
        "outlive.spawnlp, P_DETACH": spawn_detached,
        "multiprocessing, spawn (to its end)": spawned,
    }
    try:
        import daemon  # noqa: F401
    except ImportError:
        print("not measured: python-daemon, which is not installed")
        return ways
    script = "import daemon\nwith daemon.DaemonContext(): pass"
    ways["python-daemon (an interpreter of its own)"] = lambda: done(
        subprocess.Popen([sys.executable, "-c", script])
    )
    return ways


def spawn_detached() -> None:
    outlive.spawnlp(outlive.P_DETACH, "true", "true")


def measure(title: str, ways: Dict[str, Way], rounds: int, base: Optional[str]) -> None:
    samples: Dict[str, List[float]] = {name: [] for name in ways}
    for way in ways.values():
        # The first one looks at the surroundings.
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            way()
            begun = time.perf_counter()
            way()
            samples[name].append(time.perf_counter() - begun)
        while started:
            job = started.pop()
            job.wait()
            job.remove()
    print(f"\n{title}, median of {rounds}:")
    for name, times in samples.items():
        median = statistics.median(times)
        compared = f"  {median / statistics.median(samples[base]):6.2f} x" if base else ""
        print(f"  {name:45}{median * 1e6:9.0f} µs{compared}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What starting a program costs from Python.")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    rounds = 20 if parser.parse_args().quick else 300
    with tempfile.TemporaryDirectory() as home:
        os.environ["OUTLIVE_HOME"] = home
        measure("small parent", children(), rounds, "subprocess.Popen")
        measure("small parent, forked", forks(), rounds // 3, None)
        p: outlive.Popen[bytes] = outlive.Popen(["cat"], stdin=outlive.PIPE, detach=True)
        report = p.escapes
        p.communicate()
        if report is not None and report.way != "direct":
            print(f"(breaking away is {report.way} here)")
        measure("something that goes on", background(), max(rounds // 10, 5), None)
        memory = mmap.mmap(-1, LARGE)
        for page in range(0, LARGE, mmap.PAGESIZE):
            memory[page] = 1
        measure("parent with 2 GiB touched", children(), rounds // 3, "subprocess.Popen")
        measure("parent with 2 GiB touched, forked", forks(), max(rounds // 10, 5), None)


if __name__ == "__main__":
    main()
