"""Sitting down at a job's own terminal."""

from __future__ import annotations

import io
import os
import select
from typing import TYPE_CHECKING, List, Optional, Tuple

from outlive import _native
from outlive._waiting import wait_for, wait_for_async, wait_for_more, wait_for_more_async

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: How much is read at once, in bytes.
_BLOCK = 1 << 16


class Attached(io.RawIOBase):
    """A job's own terminal, as a raw binary stream: what is written is typed, and what is read is what
    the job prints, and its echo, until the job has ended. `Job.attach` gives one.

    Any number may be attached; closing this does nothing to the job. What is read comes from its output
    file, so that a slow reader costs neither the job nor its keeper anything. Signals, and Ctrl-C, are
    heard in every wait.

    ``read`` (all that comes, or at most so much as there is), ``readline`` and ``close`` are those of
    `io.RawIOBase`. There is no one `fileno`: see `descriptors`.
    """

    def __init__(self, native: _native.Attached) -> None:
        super().__init__()
        self._held: Optional[_native.Attached] = native

    @property
    def _native(self) -> _native.Attached:
        if self._held is None:
            raise ValueError("I/O operation on a terminal that was left")
        return self._held

    def close(self) -> None:
        """Leaves the terminal; the job goes on."""
        self._held = None
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """It is one, of the job."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Waits for something to be printed, and reads what there is; 0 bytes at the job's end."""
        view = memoryview(buffer).cast("B")
        block = self.try_read(len(view))
        while block is None:
            wait_for_more(self._native)
            block = self.try_read(len(view))
        view[: len(block)] = block
        return len(block)

    def write(self, data: ReadableBuffer, /) -> int:
        """Types all of it, and waits where the job does not read; how many bytes that were.

        A line ends with ``b"\\r"``, as from a keyboard.

        Raises:
            OSError: if the job has ended meanwhile.
        """
        left = memoryview(data).cast("B")
        length = len(left)
        while left:
            typed = self.try_write(left)
            if typed is None:
                wait_for([self._native.input()], None, select.POLLOUT)
            else:
                left = left[typed:]
        return length

    async def read_async(self, size: int = _BLOCK) -> bytes:
        """What there is, at most `size` bytes, for asyncio; ``b""`` at the job's end."""
        while True:
            block = self.try_read(size)
            if block is not None:
                return block
            await wait_for_more_async(self._native)

    async def write_async(self, data: ReadableBuffer) -> None:
        """`write` for asyncio."""
        left = memoryview(data).cast("B")
        while left:
            typed = self.try_write(left)
            if typed is None:
                await wait_for_async([self._native.input()], to_write=True)
            else:
                left = left[typed:]

    def try_read(self, size: int = _BLOCK) -> Optional[bytes]:
        """What there is, at most `size` bytes: ``b""`` at the job's end, ``None`` if there is nothing
        yet, which is to be asked again when one of the `descriptors` is readable."""
        return self._native.read(size)

    def try_write(self, data: ReadableBuffer) -> Optional[int]:
        """Types what there is room for; how many bytes, or ``None`` if there is no room, which is to
        be tried again when `input` is writable."""
        return self._native.write(bytes(data))

    def descriptors(self) -> List[int]:
        """What becomes readable when more was printed or the job may have ended, for an event loop
        (``loop.add_reader``); nothing once it has. They may be others after each `try_read`."""
        return self._native.descriptors()

    def input(self) -> int:
        """What becomes writable when there is room for what is typed (``loop.add_writer``). It is the
        terminal's own descriptor: what is read from it is lost for the job's output."""
        return self._native.input()

    @property
    def size(self) -> os.terminal_size:
        """The terminal's columns and lines."""
        return os.terminal_size(self._native.size())

    def set_size(self, size: Tuple[int, int]) -> None:
        """Gives the terminal other columns and rows: ``os.get_terminal_size()`` fits. The job is told
        if they are others (SIGWINCH), and all who are attached have them.

        Raises:
            InvalidError: if one of them is not from 1 to 65535; a `ValueError`.
        """
        self._native.set_size(*size)
