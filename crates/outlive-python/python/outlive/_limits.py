"""What jobs may use, and what they do use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


@dataclass(frozen=True)
class Limits:
    """What a job may use, all of its processes together; ``None`` is no limit.

    The limits are those of the job's own cgroup (cgroups(7)), or job object on Windows, but for the
    niceness. They are in force before its first instruction, and a restart has them again.

    >>> import outlive
    >>> outlive.Limits(memory=2 << 30, cpus=1.5)
    Limits(memory=2147483648, cpus=1.5, tasks=None, io_weight=None, nice=None, prefer=False)
    """

    #: Memory in bytes, swap included. What needs more is ended by the kernel (``memory.max``); on
    #: Windows it gets none.
    memory: Optional[int] = None
    #: Processor time, in processors, to the thousandth: at least 0.01 (``cpu.max``).
    cpus: Optional[float] = None
    #: Processes and threads (``pids.max``); on Windows processes.
    tasks: Optional[int] = None
    #: The share of input and output where others want some, too: 1 to 10000, others have 100
    #: (``io.weight``; Linux).
    io_weight: Optional[int] = None
    #: Niceness, -20 to 19 (setpriority(2)); on Windows the priority class next to it.
    nice: Optional[int] = None
    #: Whether it is started even if not all of that can be had; `Status.notes` say so then.
    prefer: bool = False


def request(limits: Limits) -> Dict[str, Any]:
    """As the extension module wants them."""
    return {
        "memory": limits.memory,
        "millicpus": None if limits.cpus is None else round(limits.cpus * 1000),
        "tasks": limits.tasks,
        "io_weight": limits.io_weight,
        "nice": limits.nice,
        "prefer": limits.prefer,
    }


@dataclass(frozen=True)
class Usage:
    """What a running job uses, all of its processes together; ``None`` is what can't be told.

    The job's own cgroup or job object tells it, and misses nothing. The rest is summed over the
    processes that can be found: of those that have ended such a sum has only what their parents have
    waited for, and memory that several share is counted for each.
    """

    #: Processor time in seconds, in user and in kernel mode.
    cpu_time: Optional[float]
    #: Memory now, in bytes; summed it is what is resident.
    memory: Optional[int]
    #: The most memory that it ever was, in bytes (Linux 5.19, or version 1 of cgroups; Windows).
    memory_peak: Optional[int]
    #: Processes and threads now; on Windows processes.
    tasks: Optional[int]
    #: Bytes read from disks; on Windows from anything.
    bytes_read: Optional[int]
    #: Bytes written to disks; on Windows to anything.
    bytes_written: Optional[int]
    #: Which of these were summed, by their names here.
    summed: Tuple[str, ...]

    @classmethod
    def _of(cls, said: Dict[str, Any]) -> Usage:
        return cls(**{**said, "summed": tuple(said["summed"])})
