"""``python -m outlive``: the `outlive` command."""

import os
import sys

from outlive import find_outlive_bin


def main() -> None:
    """Becomes the command; on Windows, which has no exec, it runs it."""
    program = find_outlive_bin()
    if os.name == "nt":
        import subprocess

        sys.exit(subprocess.run([program, *sys.argv[1:]]).returncode)
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
