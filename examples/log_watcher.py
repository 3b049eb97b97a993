#!/usr/bin/env python3
"""Follows a log file, also when it is rotated, and prints each line that has a word in it.

    python3 examples/log_watcher.py /var/log/syslog error
"""

import subprocess
import sys
from typing import Iterator


def follow(path: str) -> Iterator[str]:
    """All lines of a file, and those to come: tail(1) sleeps until there is one."""
    with subprocess.Popen(["tail", "-n", "+1", "-F", path], stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        try:
            yield from tail.stdout
        finally:
            tail.terminate()


def watch(path: str, word: str) -> None:
    for line in follow(path):
        if word in line:
            print(line, end="", flush=True)


if __name__ == "__main__":
    watch(*sys.argv[1:])
