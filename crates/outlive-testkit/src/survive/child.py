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


def start():
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
