"""The creation flags of Windows, for every system.

Off Windows they are in this module only and not in `outlive` itself, since programs test
``hasattr(subprocess, "CREATE_NO_WINDOW")`` to learn which system they are on. The one exception is
`outlive.CREATE_BREAKAWAY_FROM_JOB`. Their numbers are Windows' own ("Process Creation Flags",
Win32; "Priority classes", Python's `subprocess`).

What each means on Linux and macOS, where there are no consoles and no job objects:

==================================  ============================================================
`CREATE_BREAKAWAY_FROM_JOB`         it leaves the cgroup, or `PermissionError`
`DETACHED_PROCESS`,                 it leads a session of its own, and so has no terminal
`CREATE_NEW_CONSOLE`
`CREATE_NEW_PROCESS_GROUP`          it leads a process group of its own
`CREATE_NO_WINDOW`,                 nothing: no window would open, no error box would pop up
`CREATE_DEFAULT_ERROR_MODE`
`IDLE_PRIORITY_CLASS` and so on     its niceness, right after its start, as far as this user may
==================================  ============================================================
"""

from __future__ import annotations

from typing import Final

DETACHED_PROCESS: Final = 0x0000_0008
CREATE_NEW_CONSOLE: Final = 0x0000_0010
CREATE_NEW_PROCESS_GROUP: Final = 0x0000_0200
CREATE_BREAKAWAY_FROM_JOB: Final = 0x0100_0000
CREATE_DEFAULT_ERROR_MODE: Final = 0x0400_0000
CREATE_NO_WINDOW: Final = 0x0800_0000

NORMAL_PRIORITY_CLASS: Final = 0x0000_0020
IDLE_PRIORITY_CLASS: Final = 0x0000_0040
HIGH_PRIORITY_CLASS: Final = 0x0000_0080
REALTIME_PRIORITY_CLASS: Final = 0x0000_0100
BELOW_NORMAL_PRIORITY_CLASS: Final = 0x0000_4000
ABOVE_NORMAL_PRIORITY_CLASS: Final = 0x0000_8000

#: The niceness (setpriority(2)) that stands for a priority class.
_NICENESS = {
    IDLE_PRIORITY_CLASS: 19,
    BELOW_NORMAL_PRIORITY_CLASS: 10,
    NORMAL_PRIORITY_CLASS: 0,
    ABOVE_NORMAL_PRIORITY_CLASS: -5,
    HIGH_PRIORITY_CLASS: -10,
    REALTIME_PRIORITY_CLASS: -20,
}

_KNOWN = (
    DETACHED_PROCESS
    | CREATE_NEW_CONSOLE
    | CREATE_NEW_PROCESS_GROUP
    | CREATE_BREAKAWAY_FROM_JOB
    | CREATE_DEFAULT_ERROR_MODE
    | CREATE_NO_WINDOW
    | sum(_NICENESS)
)
