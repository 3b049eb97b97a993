"""``python -m outlive``: the `outlive` command."""

import os
import sys

from outlive import find_outlive_bin

program = find_outlive_bin()
if os.name == "nt":
    import subprocess

    sys.exit(subprocess.run([program, *sys.argv[1:]]).returncode)
os.execv(program, [program, *sys.argv[1:]])
