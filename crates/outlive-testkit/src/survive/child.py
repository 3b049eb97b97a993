"""The program in Python that starts the job of a cell as its child, and waits for it."""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import outlive

folder, forks_at_once = Path(sys.argv[1]), sys.argv[2]


def tell(fifo, line):
    with open(folder / fifo, "w") as told:
        told.write(line + "\n")


def required():
    """Starts what must leave the cgroup, or would not be started: without a fork of this process, and
    by `subprocess`'s own. What can't be started raises what `subprocess` does."""
    must = {"creationflags": outlive.CREATE_BREAKAWAY_FROM_JOB}
    for forked in {}, {"preexec_fn": os.getpid}:
        outlive.run(["true"], check=True, **must, **forked)
        for missing in {"args": ["/no-such-program"]}, {"args": ["true"], "cwd": "/no-such-folder"}:
            try:
                outlive.Popen(**missing, **must, **forked)
            except FileNotFoundError:
                continue
            sys.exit(f"{missing} was started")


def start():
    # Without one, what may be around this machine can't be told from here.
    if os.path.exists("/run/systemd/system"):
        required()
    with open(folder / "out", "a") as out:
        began = time.monotonic()
        child = outlive.Popen(
            ["sh", "-c", forks_at_once, "sh", folder],
            stdout=out,
            stderr=outlive.DEVNULL,
            detach=True,
            breakaway=True,
        )
        took = time.monotonic() - began
    seen = child.escapes
    shown = {
        "way": seen.way,
        "manager": seen.manager,
        "report": [asdict(escape) for escape in seen.escapes],
        "spawn_us": int(took * 1e6),
    }
    (folder / "shown").write_text(json.dumps(shown))
    return child


tell("said", f"parent {os.getpid()}")
try:
    child = start()
finally:
    # The script waits for this.
    tell("go", "started")
(folder / "ended").write_text(str(child.wait()))
