"""`create_subprocess_exec` and `create_subprocess_shell`: asyncio's own, for children that are apart.

What they return is in a module that imports asyncio, which few programs want to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from outlive._arguments import Path, Start, Stream
    from outlive._transport import Process

#: `asyncio.streams`' own: how much a pipe's reader holds at most, in bytes.
_LIMIT = 1 << 16


async def create_subprocess_exec(
    program: Path,
    *args: Path,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    limit: int = _LIMIT,
    **options: Unpack[Start],
) -> Process:
    """`asyncio.create_subprocess_exec`, which takes all that `Popen` does: `detach`, `breakaway` and
    `creationflags`, too.

    With one of these the child goes on if the loop ends, where asyncio would kill it. Its end is
    waited for by its pidfd (pidfd_open(2), Linux 5.3), without a thread or a signal handler; where
    there is none, or the loop watches no descriptors, in a thread.

    Returns:
        What asyncio's returns, with `escapes`.

    Raises:
        OSError, ValueError: as `Popen` and `asyncio.create_subprocess_exec` do.

    >>> import asyncio, outlive
    >>> async def main() -> None:
    ...     child = await outlive.create_subprocess_exec(
    ...         "echo", "hello", stdout=outlive.PIPE, detach=True
    ...     )
    ...     print(await child.communicate(), child.returncode)
    >>> asyncio.run(main())
    (b'hello\\n', None) 0
    """
    from outlive._transport import start

    given = {"stdin": stdin, "stdout": stdout, "stderr": stderr, **options}
    return await start((program, *args), False, limit, given)


async def create_subprocess_shell(
    cmd: Union[str, bytes],
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    limit: int = _LIMIT,
    **options: Unpack[Start],
) -> Process:
    """`asyncio.create_subprocess_shell`, likewise."""
    from outlive._transport import start

    given = {"stdin": stdin, "stdout": stdout, "stderr": stderr, **options}
    return await start(cmd, True, limit, given)
