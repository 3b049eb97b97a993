"""`run` and its kind: `subprocess`'s own functions, which start their children by our `Popen`."""

from __future__ import annotations

import subprocess
from types import FunctionType
from typing import Any, Dict, Tuple


def _popen(*args: Any, **kwargs: Any) -> Any:
    """Whatever is `outlive.Popen` now: a test may have put another in its place."""
    import outlive

    return outlive.Popen(*args, **kwargs)


# They find `Popen`, and each other, in the namespace of their module. Given another namespace they
# are the same functions, whatever a version of Python does in them.
_namespace: Dict[str, Any] = {**vars(subprocess), "Popen": _popen}


def _ours(name: str) -> FunctionType:
    theirs = getattr(subprocess, name)
    function = FunctionType(
        theirs.__code__, _namespace, name, theirs.__defaults__, theirs.__closure__
    )
    function.__kwdefaults__ = theirs.__kwdefaults__
    function.__doc__ = theirs.__doc__
    function.__module__ = "outlive"
    _namespace[name] = function
    return function


_run = _ours("run")
_call = _ours("call")
_check_call = _ours("check_call")
_check_output = _ours("check_output")
_getstatusoutput = _ours("getstatusoutput")
_getoutput = _ours("getoutput")


def run(*args: Any, **kwargs: Any) -> subprocess.CompletedProcess[Any]:
    """`subprocess.run`, which takes all arguments of `outlive.Popen`."""
    result: subprocess.CompletedProcess[Any] = _run(*args, **kwargs)
    return result


def call(*args: Any, **kwargs: Any) -> int:
    """`subprocess.call`, which takes all arguments of `outlive.Popen`."""
    code: int = _call(*args, **kwargs)
    return code


def check_call(*args: Any, **kwargs: Any) -> int:
    """`subprocess.check_call`, which takes all arguments of `outlive.Popen`."""
    code: int = _check_call(*args, **kwargs)
    return code


def check_output(*args: Any, **kwargs: Any) -> Any:
    """`subprocess.check_output`, which takes all arguments of `outlive.Popen`."""
    return _check_output(*args, **kwargs)


def getstatusoutput(*args: Any, **kwargs: Any) -> Tuple[int, str]:
    """`subprocess.getstatusoutput`."""
    both: Tuple[int, str] = _getstatusoutput(*args, **kwargs)
    return both


def getoutput(*args: Any, **kwargs: Any) -> str:
    """`subprocess.getoutput`."""
    output: str = _getoutput(*args, **kwargs)
    return output
