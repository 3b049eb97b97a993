"""Runs CPython's own tests of `subprocess` on `outlive` instead; `detach` as the argument lets each
child be started with `detach=True`."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
import types
import unittest
from typing import Any, List, Tuple

import outlive
from outlive import _forked  # noqa: F401: it looks at `subprocess` itself

#: They look at, or take the place of, what is inside of subprocess.py.
INSIDE = {"test__all__"}

#: They take the place of what is around its fork, which the others need not.
AROUND_FORK = {
    "test__use_vfork",
    "test_exception_errpipe_bad_data",
    "test_exception_errpipe_normal",
}


class Detached(outlive.Popen[Any]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"detach": True, **kwargs})


class Module(types.ModuleType):
    """`outlive`, and from `subprocess` itself the private names that the tests use and replace."""

    def __getattr__(self, name: str) -> Any:
        return getattr(outlive if hasattr(outlive, name) else subprocess, name)

    def __setattr__(self, name: str, value: object) -> None:
        owner: Any = outlive if hasattr(outlive, name) else subprocess
        replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def __delattr__(self, name: str) -> None:
        # One of the tests deletes what it has put there, before its end does.
        last = [it for it in replaced if it[1] == name][-1:]
        for it in last:
            replaced.remove(it)
            setattr(*it)


#: What stood in each place before a test put something else there.
replaced: List[Tuple[Any, str, Any]] = []


def main(mode: str) -> None:
    # `test_no_leaking` opens all descriptors that it may have, if those are at most 1026.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, most), most))
    left_out = set(INSIDE)
    if mode == "detach":
        left_out |= AROUND_FORK
        Detached.__name__ = "Popen"
        vars(outlive)["Popen"] = Detached
    # For those who import it from here on.
    sys.modules["subprocess"] = Module("subprocess")
    tests: Any = importlib.import_module("test.test_subprocess")
    for case in vars(tests).values():
        if isinstance(case, type) and issubclass(case, unittest.TestCase):
            for name in left_out & set(dir(case)):
                setattr(case, name, None)
    unittest.main(tests, argv=[sys.argv[0]], verbosity=0)


if __name__ == "__main__":
    main(sys.argv[1])
