"""`run` and its kind: `subprocess`'s own functions, which start their children by our `Popen`."""

from __future__ import annotations

import subprocess
from types import FunctionType
from typing import TYPE_CHECKING, Any, Callable, Dict, Literal, Optional, Tuple, Union, overload

if TYPE_CHECKING:
    from typing_extensions import Buffer, Unpack

    from outlive._arguments import Call, CheckOutput, Command, Run


def _popen(*args: Any, **kwargs: Any) -> Any:
    """Whatever is `outlive.Popen` now: a test may have put another in its place."""
    import outlive

    return outlive.Popen(*args, **kwargs)


# They find `Popen`, and each other, in the namespace of their module. Given another namespace they
# are the same functions, whatever a version of Python does in them.
_namespace: Dict[str, Any] = {**vars(subprocess), "Popen": _popen}


def _ours(name: str) -> Callable[..., Any]:
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


if TYPE_CHECKING:

    @overload
    def run(
        args: Command,
        *,
        text: Literal[True],
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[str]: ...

    @overload
    def run(
        args: Command,
        *,
        encoding: str,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[str]: ...

    @overload
    def run(
        args: Command,
        *,
        errors: str,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[str]: ...

    @overload
    def run(
        args: Command,
        *,
        universal_newlines: Literal[True],
        text: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[str]: ...

    @overload
    def run(
        args: Command,
        *,
        text: Optional[Literal[False]] = None,
        universal_newlines: Optional[Literal[False]] = None,
        encoding: None = None,
        errors: None = None,
        input: Optional[Buffer] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[bytes]: ...

    @overload
    def run(
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[Union[str, Buffer]] = None,
        **options: Unpack[Run],
    ) -> subprocess.CompletedProcess[Any]: ...

def run(*args: Any, **kwargs: Any) -> subprocess.CompletedProcess[Any]:
    """`subprocess.run`, which takes all arguments of `outlive.Popen`."""
    result: subprocess.CompletedProcess[Any] = _run(*args, **kwargs)
    return result


if TYPE_CHECKING:

    @overload
    def check_output(
        args: Command,
        *,
        text: Literal[True],
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[CheckOutput],
    ) -> str: ...

    @overload
    def check_output(
        args: Command,
        *,
        encoding: str,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[CheckOutput],
    ) -> str: ...

    @overload
    def check_output(
        args: Command,
        *,
        errors: str,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[CheckOutput],
    ) -> str: ...

    @overload
    def check_output(
        args: Command,
        *,
        universal_newlines: Literal[True],
        text: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[str] = None,
        **options: Unpack[CheckOutput],
    ) -> str: ...

    @overload
    def check_output(
        args: Command,
        *,
        text: Optional[Literal[False]] = None,
        universal_newlines: Optional[Literal[False]] = None,
        encoding: None = None,
        errors: None = None,
        input: Optional[Buffer] = None,
        **options: Unpack[CheckOutput],
    ) -> bytes: ...

    @overload
    def check_output(
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        input: Optional[Union[str, Buffer]] = None,
        **options: Unpack[CheckOutput],
    ) -> Any: ...

def check_output(*args: Any, **kwargs: Any) -> Any:
    """`subprocess.check_output`, which takes all arguments of `outlive.Popen`."""
    return _check_output(*args, **kwargs)


def call(args: Command, *positional: Any, **options: Unpack[Call]) -> int:
    """`subprocess.call`, which takes all arguments of `outlive.Popen`."""
    code: int = _call(args, *positional, **options)
    return code


def check_call(args: Command, *positional: Any, **options: Unpack[Call]) -> int:
    """`subprocess.check_call`, which takes all arguments of `outlive.Popen`."""
    code: int = _check_call(args, *positional, **options)
    return code


def getstatusoutput(
    cmd: Union[str, bytes], *, encoding: Optional[str] = None, errors: Optional[str] = None
) -> Tuple[int, str]:
    """`subprocess.getstatusoutput`."""
    both: Tuple[int, str] = _getstatusoutput(cmd, **_given(encoding=encoding, errors=errors))
    return both


def getoutput(
    cmd: Union[str, bytes], *, encoding: Optional[str] = None, errors: Optional[str] = None
) -> str:
    """`subprocess.getoutput`."""
    output: str = _getoutput(cmd, **_given(encoding=encoding, errors=errors))
    return output


def _given(**options: Optional[str]) -> Dict[str, str]:
    """Those that are: before Python 3.11 there are none."""
    return {name: value for name, value in options.items() if value is not None}
