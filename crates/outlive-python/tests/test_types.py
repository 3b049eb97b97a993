"""What type checkers know of a result: mypy checks this file, and it runs as well."""

from __future__ import annotations

import asyncio
from typing import IO, List, Optional, Tuple

import pytest

import outlive


def test_text_and_bytes() -> None:
    text: str = outlive.check_output(["echo", "x"], text=True, detach=True)
    data: bytes = outlive.check_output("echo x", shell=True, breakaway=True)
    other: str = outlive.run(["echo", "x"], encoding="utf-8", capture_output=True).stdout
    assert [text, data, other] == ["x\n", b"x\n", "x\n"]
    with outlive.Popen(["cat"], stdin=outlive.PIPE, stdout=outlive.PIPE, detach=True) as p:
        pipe: Optional[IO[bytes]] = p.stdout
        both: Tuple[bytes, bytes] = p.communicate(b"x")
    assert pipe is not None and both[0] == b"x"
    with outlive.Popen(["cat"], 0, None, outlive.PIPE, outlive.PIPE) as old:
        assert old.communicate(b"x")[0] == b"x"
    codes: List[int] = [outlive.call(["false"]), outlive.check_call(["true"], timeout=60)]
    assert codes == [1, 0]
    said: Tuple[int, str] = outlive.getstatusoutput("echo x; exit 3")
    assert said == (3, "x") and outlive.getoutput("echo x") == "x"


def test_what_there_is_not_a_checker_refuses() -> None:
    """An unused `type: ignore` is an error with mypy's strict settings."""
    with pytest.raises(TypeError):
        outlive.Popen(["true"], nonsense=True)  # type: ignore[call-overload]
    with pytest.raises(ValueError):
        outlive.Popen(["true"], breakaway="yes")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        outlive.run(["true"], detached=True)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        outlive.check_call(["true"], nonsense=1)  # type: ignore[call-arg]

    async def main() -> None:
        with pytest.raises(TypeError):
            await outlive.create_subprocess_exec("true", nonsense=1)  # type: ignore[call-arg]

    asyncio.run(main())
