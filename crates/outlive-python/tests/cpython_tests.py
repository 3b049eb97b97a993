"""Runs CPython's own tests of `subprocess` on `outlive` instead; `detach` as the argument lets each
child be started with `detach=True`."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
import unittest
from typing import Any

import outlive
from outlive import _run

# CPython's test package, of which type checkers know nothing.
test_subprocess: Any = importlib.import_module("test.test_subprocess")

#: They look at, or take the place of, what is inside of subprocess.py.
INSIDE = {
    "test__all__",
    "test__use_vfork",
    "test_call_keyboardinterrupt_no_kill",
    "test_context_manager_keyboardinterrupt_no_kill",
    "test_preexec_errpipe_does_not_double_close_pipes",
    "test_run_keyboardinterrupt_no_kill",
    "test_surrogates_error_message",
}

#: They give what `detach` refuses, since it takes a fork.
FORKS = {
    "test_close_fds_after_preexec",
    "test_extra_groups",
    "test_extra_groups_empty_list",
    "test_group",
    "test_preexec",
    "test_preexec_exception",
    "test_preexec_fork_failure",
    "test_preexec_gc_module_failure",
    "test_restore_signals",
    "test_user",
}


class Detached(outlive.Popen[Any]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"detach": True, **kwargs})


class Module(types.ModuleType):
    """`outlive`, and from `subprocess` itself the private names that the tests use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(outlive if hasattr(outlive, name) else subprocess, name)


def main(mode: str) -> None:
    module = Module("subprocess")
    left_out = set(INSIDE)
    if mode == "detach":
        Detached.__name__ = "Popen"
        module.__dict__["Popen"] = _run._namespace["Popen"] = Detached
        left_out |= FORKS
    test_subprocess.subprocess = module
    for case in vars(test_subprocess).values():
        if isinstance(case, type) and issubclass(case, unittest.TestCase):
            for name in left_out & set(dir(case)):
                setattr(case, name, None)
    unittest.main(test_subprocess, argv=[sys.argv[0]], verbosity=0)


if __name__ == "__main__":
    main(sys.argv[1])
