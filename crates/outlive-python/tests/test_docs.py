"""What the documentation shows runs: the guide's blocks, in their order, and the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run_python

import outlive

GUIDE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("home")
def test_the_blocks_of_the_guide(tmp_path: Path) -> None:
    assert len(BLOCKS) > 8
    for block in BLOCKS:
        # Each is a program of its own; the state folder is one.
        if "daemon" not in block:
            run_python(block, cwd=tmp_path)
            continue
        # As a job, which has ended when the daemon has.
        job = outlive.start([sys.executable, "-c", block], cwd=tmp_path, until="tree")
        assert (job.wait().exit_code, job.output()) == (0, b""), block
    log = (tmp_path / "squares.log").read_text()
    assert log == "0 squared is 0\n1 squared is 1\n2 squared is 4\n"
    assert (tmp_path / "found.log").read_text() == "watching\n"
    assert not (tmp_path / "echo.pid").exists() and not (tmp_path / "watcher.pid").exists()


def test_the_recipe_of_the_readme(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    recipe = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert len(recipe) == 1
    (tmp_path / "child_process.py").write_text("print('a child')")
    assert run_python(recipe[0], cwd=tmp_path).stdout == "a child\n"


def test_the_guide_names_what_there_is() -> None:
    errors = {
        name
        for name, it in vars(outlive).items()
        if isinstance(it, type) and issubclass(it, outlive.Error) and it is not outlive.Error
    }
    assert errors <= set(re.findall(r"`(\w+Error)`", GUIDE))


def test_the_docstrings() -> None:
    modules = [outlive]
    for module in pkgutil.iter_modules(outlive.__path__, "outlive."):
        if module.name not in ("outlive.__main__", "outlive._native"):
            modules.append(importlib.import_module(module.name))
    results = [doctest.testmod(module) for module in modules]
    assert sum(it.failed for it in results) == 0
    assert sum(it.attempted for it in results) >= 8


def test_everything_public_has_a_docstring() -> None:
    bare = [
        f"{name}.{member}"
        for name, it in vars(outlive).items()
        if isinstance(it, type) and it.__module__.startswith("outlive.")
        for member, value in vars(it).items()
        if not member.startswith("_") and callable(value) and not value.__doc__
    ]
    bare += [
        name
        for name, it in vars(outlive).items()
        if not name.startswith("_")
        and callable(it)
        and getattr(it, "__module__", "").startswith("outlive.")
        and not it.__doc__
    ]
    assert bare == []
