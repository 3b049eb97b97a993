#!/usr/bin/env python3
"""Starts child_process.py so that it outlives this program, does something else, and waits for it.

This is a program for Windows' `subprocess`, unchanged but for its import. Kill it, or all of the
service that it runs in, and the child counts on.
"""

import os
import sys

import outlive as subprocess

child = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child_process.py")
p = subprocess.Popen(
    [sys.executable, child, *sys.argv[1:]],
    creationflags=subprocess.CREATE_BREAKAWAY_FROM_JOB,
)

print(f"the child is process {p.pid}, and this one does something else", flush=True)

code = p.wait()
print(f"the child has ended with {code}")
