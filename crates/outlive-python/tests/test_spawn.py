"""`spawn*`: as `os.spawn*`, and `P_DETACH`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ANSWERING, Line, run_python

import outlive

FUNCTIONS = ["spawnv", "spawnve", "spawnvp", "spawnvpe", "spawnl", "spawnle", "spawnlp", "spawnlpe"]


def call(module: Any, name: str, mode: int, file: Any, args: Any, env: Any) -> Any:
    given = tuple(args) if name.startswith("spawnl") else (args,)
    more = (env,) if name.endswith("e") else ()
    return getattr(module, name)(mode, file, *given, *more)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_those_of_os(name: str) -> None:
    env = {"PATH": "/usr/bin:/bin", "X": "5"}
    for script in ["exit 3", "kill -TERM $$", "exit ${X-6}"]:
        args = ["sh", "-c", script]
        file = "sh" if "p" in name[5:] else "/bin/sh"
        codes = [
            call(module, name, outlive.P_WAIT, file, args, env) for module in (os, outlive)
        ]
        assert codes[0] == codes[1], script
    pid = call(outlive, name, outlive.P_NOWAIT, file, ["sh", "-c", "exit 4"], env)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    assert call(outlive, name, outlive.P_WAIT, "/no-such-program", args, env) == 127


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("mode", [outlive.P_WAIT, outlive.P_DETACH])
def test_errors_are_those_of_os(name: str, mode: int) -> None:
    for args in [[], [""]]:
        with pytest.raises(ValueError, match="cannot be empty"):
            call(outlive, name, mode, "true", args, {})
    if name.startswith("spawnv"):
        with pytest.raises(TypeError, match="tuple or a list"):
            call(outlive, name, mode, "true", "true", {})


STARTER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from test_spawn import call
import outlive

name, file, args = sys.argv[2], sys.argv[3], sys.argv[3:]
pid = call(outlive, name, outlive.P_DETACH, file, args, dict(os.environ, OUTLIVE_T=name))
try:
    os.waitpid(pid, os.WNOHANG)
except ChildProcessError:
    print(pid, "is no child")
"""

#: Answers on its standard input, since it inherits nothing above 2, and lets go of the starter's
#: standard output, whose end is waited for.
ANSWERING_ON_INPUT = "import os; os.close(1)" + ANSWERING.replace("int(sys.argv[1])", "0")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_detached_is_nobodys_child(name: str, line: Line) -> None:
    folder, program = os.path.split(sys.executable)
    said = run_python(
        STARTER,
        os.path.dirname(__file__),
        name,
        program if "p" in name[5:] else sys.executable,
        "-c",
        ANSWERING_ON_INPUT,
        env={**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"]},
        stdin=line.theirs,
    )
    line.hang_on()
    pid, rest = said.stdout.split(" ", 1)
    assert rest == "is no child\n"
    assert line.ask() == (int(pid), int(pid))
    with open(f"/proc/{pid}/environ") as environ:
        assert (f"OUTLIVE_T={name}\0" in environ.read()) == name.endswith("e")


def test_what_can_not_be_started_detached_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        outlive.spawnv(outlive.P_DETACH, str(tmp_path / "none"), ["none"])
    assert raised.value.filename == str(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        # It is not looked for in PATH, as os.spawnv does not.
        outlive.spawnv(outlive.P_DETACH, "true", ["true"])
    with pytest.raises(PermissionError):
        outlive.spawnl(outlive.P_DETACH, str(tmp_path), "folder")


def test_the_modes() -> None:
    assert (outlive.P_WAIT, outlive.P_NOWAIT) == (os.P_WAIT, os.P_NOWAIT)
    assert outlive.P_NOWAITO == os.P_NOWAITO
    assert outlive.P_DETACH not in (outlive.P_WAIT, outlive.P_NOWAIT, outlive.P_NOWAITO)
    assert outlive.spawnl(outlive.P_WAIT, "/bin/sh", "sh", "-c", "kill -9 $$") == -signal.SIGKILL
