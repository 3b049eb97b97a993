"""A child that asyncio knows of and `outlive.Popen` has started."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import os
import sys
import threading
import weakref
from asyncio.base_subprocess import BaseSubprocessTransport
from contextlib import suppress
from typing import Any, Dict, Optional

from outlive import _apart
from outlive._popen import Popen
from outlive._report import Report

_WINDOWS = sys.platform == "win32"

#: What asyncio reports of a child that somebody else has waited for.
_UNKNOWN = 255

#: What asyncio refuses, since its pipes are of bytes, and what it says.
_REFUSED = {
    "universal_newlines": "universal_newlines must be False",
    "text": "text must be False",
    "encoding": "encoding must be None",
    "errors": "errors must be None",
    "bufsize": "bufsize must be 0",
}


class Process(asyncio.subprocess.Process):
    """`asyncio.subprocess.Process`, of which it is a subclass."""

    _transport: BaseSubprocessTransport

    @property
    def escapes(self) -> Optional[Report]:
        """As `Popen.escapes`."""
        popen = self._transport.get_extra_info("subprocess")
        return popen.escapes if isinstance(popen, Popen) else None


class _Transport(BaseSubprocessTransport):
    """asyncio's own transport for a child of ours."""

    _loop: asyncio.AbstractEventLoop
    #: A `Popen`.
    _proc: Any

    def _start(self, *given: Any, **options: Any) -> None:
        self._proc = Popen(*given, **options)

    def close(self) -> None:
        """Closes its pipes. asyncio's own would kill the child, which is to outlive us."""
        if not self._closed:
            self._closed = True
            pipes: Dict[int, Any] = self._pipes
            for protocol in pipes.values():
                if protocol is not None:
                    protocol.pipe.close()

    def watch(self) -> None:
        """Has the loop hear of the child's end."""
        try:
            self._watch_descriptor(os.pidfd_open(self._proc.pid))
        except (AttributeError, NotImplementedError, OSError):
            waiter = threading.Thread(target=self._wait_in_thread, daemon=True)
            waiter.start()

    def _watch_descriptor(self, pidfd: int) -> None:
        close = weakref.finalize(self, os.close, pidfd)

        def ended() -> None:
            self._loop.remove_reader(pidfd)
            close()
            self._has_ended()

        try:
            self._loop.add_reader(pidfd, ended)
        except BaseException:
            close()
            raise

    def _wait_in_thread(self) -> None:
        # Nobody is left to hear of it where the loop is closed by then.
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._proc.pid, os.WEXITED | os.WNOWAIT)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._has_ended)

    def _has_ended(self) -> None:
        self._process_exited(self._code())

    def _code(self) -> Any:
        """Its exit code, once it has ended."""
        popen: Any = self._proc
        # It may have been looked at in another way.
        if popen.returncode is None:
            try:
                _, status = os.waitpid(popen.pid, 0)
                popen._handle_exitstatus(status)
            except ChildProcessError:
                popen.returncode = _UNKNOWN
        return popen.returncode


#: What asks for a child that is apart, and what it is where it is not given.
_ASKED = {"detach": False, "breakaway": None, "creationflags": 0}


async def start(command: Any, shell: bool, limit: int, options: Dict[str, Any]) -> Process:
    """Starts it: what is not apart asyncio starts itself."""
    asked = [options.pop(name, default) for name, default in _ASKED.items()]
    if _WINDOWS:
        *attempts, last = _apart.on_windows(*asked)
        for creationflags in attempts:
            with suppress(PermissionError):
                return await _start_plain(
                    command, shell, limit, {**options, "creationflags": creationflags}
                )
        return await _start_plain(command, shell, limit, {**options, "creationflags": last})
    if _apart.asked(*asked) is None:
        return await _start_plain(command, shell, limit, options)
    _refuse(command, shell, options)
    return await _start_apart(command, shell, limit, {**options, **dict(zip(_ASKED, asked))})


def _refuse(command: Any, shell: bool, options: Dict[str, Any]) -> None:
    """Refuses what asyncio refuses, and takes out what only says that it is not so."""
    for name, why in _REFUSED.items():
        if options.pop(name, None):
            raise ValueError(why)
    if options.pop("shell", shell) != shell:
        raise ValueError(f"shell must be {shell}")
    if shell and not isinstance(command, (str, bytes)):
        raise ValueError("cmd must be a string")


async def _start_apart(command: Any, shell: bool, limit: int, options: Dict[str, Any]) -> Process:
    loop = asyncio.get_running_loop()
    protocol = asyncio.subprocess.SubprocessStreamProtocol(limit=limit, loop=loop)
    connected = loop.create_future()
    stdin, stdout, stderr = (options.pop(name) for name in ("stdin", "stdout", "stderr"))
    transport = _Transport(
        loop, protocol, command, shell, stdin, stdout, stderr, 0, connected, **options
    )
    transport.watch()
    try:
        await connected
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        # Nobody would have it in hand.
        transport.kill()
        transport.close()
        await transport._wait()
        raise
    return Process(transport, protocol, loop)


async def _start_plain(command: Any, shell: bool, limit: int, options: Dict[str, Any]) -> Process:
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.subprocess.SubprocessStreamProtocol:
        return asyncio.subprocess.SubprocessStreamProtocol(limit=limit, loop=loop)

    if shell:
        transport, made = await loop.subprocess_shell(protocol, command, **options)
    else:
        transport, made = await loop.subprocess_exec(protocol, *command, **options)
    return Process(transport, made, loop)
