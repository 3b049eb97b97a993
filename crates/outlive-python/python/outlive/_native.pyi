"""The extension module. Programs use the classes and functions of `outlive`."""

from datetime import timedelta
from os import PathLike
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Tuple,
    TypedDict,
    Union,
    final,
    type_check_only,
)

__all__ = [
    "Attached",
    "Child",
    "Daemonized",
    "Events",
    "Following",
    "Job",
    "Lines",
    "Output",
    "Waiting",
    "cookies",
    "daemonize",
    "disown",
    "doctor",
    "events",
    "find",
    "list",
    "prune",
    "restart",
    "spawn",
    "start",
    "survey",
    "take_out",
    "usage_of_all",
]

_Path = Union[str, "PathLike[str]"]

@type_check_only
class SpawnRequest(TypedDict):
    program: bytes
    argv: List[bytes]
    env: Optional[List[Tuple[bytes, bytes]]]
    cwd: Optional[bytes]
    umask: Optional[int]
    streams: List[Optional[int]]
    null_input: bool
    kept: List[int]
    session: bool
    group: bool
    breakaway: str

@type_check_only
class StartRequest(TypedDict):
    home: Optional[_Path]
    keeper: _Path
    argv: List[bytes]
    name: Optional[str]
    cwd: Optional[bytes]
    env: Dict[bytes, Optional[bytes]]
    clear_env: bool
    secret_env: List[bytes]
    umask: Optional[int]
    keep_stdin: bool
    stdin: Optional[_Path]
    output: Optional[_Path]
    output_limit: int
    output_mode: str
    timestamps: bool
    split: bool
    tty: Optional[Tuple[int, int]]
    until: str
    leftover: str
    life: Dict[str, Any]
    ready: Dict[str, Any]
    limits: Dict[str, Any]
    user: Optional[str]
    group: Optional[str]
    breakaway: str
    via: Optional[str]
    leave_sandbox: bool
    linger: bool
    reset: List[str]

@type_check_only
class DaemonRequest(TypedDict):
    working_dir: _Path
    umask: int
    pid_file: Optional[_Path]
    user: Optional[str]
    group: Optional[str]
    supplementary_groups: Optional[List[str]]
    chroot: Optional[_Path]
    streams: List[Optional[int]]
    kept: List[int]
    detach: bool
    breakaway: str
    ready_timeout: Optional[timedelta]

@final
class Child:
    @property
    def pid(self) -> int: ...
    def escapes(self) -> Dict[str, Any]: ...

@final
class Daemonized:
    @property
    def lost(self) -> List[str]: ...
    @property
    def closed(self) -> List[Tuple[int, str]]: ...
    @property
    def is_supervised(self) -> bool: ...
    def report(self) -> Optional[Dict[str, Any]]: ...
    def ready(self) -> None: ...
    def give_up(self, why: str) -> Optional[str]: ...
    def release(self) -> None: ...

@final
class Waiting:
    def descriptors(self) -> List[int]: ...
    def advance(self) -> bool: ...

@final
class Output:
    def read(self) -> bytes: ...

@final
class Following:
    def descriptors(self) -> List[int]: ...
    def wait(self) -> None: ...
    def read(self) -> Optional[bytes]: ...

@final
class Lines:
    def descriptors(self) -> List[int]: ...
    def wait(self) -> None: ...
    def read(self) -> Optional[List[Dict[str, Any]]]: ...

@final
class Attached:
    def descriptors(self) -> List[int]: ...
    def input(self) -> int: ...
    def wait(self) -> None: ...
    def read(self, most: int) -> Optional[bytes]: ...
    def write(self, data: bytes) -> Optional[int]: ...
    def size(self) -> Tuple[int, int]: ...
    def set_size(self, columns: int, rows: int) -> None: ...

@final
class Events:
    def descriptors(self) -> List[int]: ...
    def wait(self, timeout: Optional[timedelta]) -> Optional[Dict[str, Any]]: ...

@final
class Job:
    @property
    def id(self) -> str: ...
    def status(self) -> Dict[str, Any]: ...
    def report(self) -> Optional[Dict[str, Any]]: ...
    def wait(self, timeout: Optional[timedelta]) -> Optional[Dict[str, Any]]: ...
    def waiting(self) -> Waiting: ...
    def waiting_ready(self) -> Waiting: ...
    def wait_ready(self, timeout: Optional[timedelta]) -> Optional[Dict[str, Any]]: ...
    def usage(self) -> Optional[Dict[str, Any]]: ...
    def output(self, part: Dict[str, Any]) -> Output: ...
    def follow(self, part: Dict[str, Any]) -> Following: ...
    def lines(self, part: Dict[str, Any]) -> Lines: ...
    def follow_lines(self, part: Dict[str, Any]) -> Lines: ...
    def attach(self, part: Dict[str, Any]) -> Attached: ...
    def send(self, data: bytes) -> None: ...
    def close_stdin(self) -> None: ...
    def stop(self, grace: Optional[timedelta]) -> Tuple[str, int]: ...
    def kill(self, signal: int, tree: bool) -> None: ...
    def remove(self) -> None: ...

def spawn(request: SpawnRequest, copied: Callable[[], None]) -> Child: ...
def cookies() -> List[str]: ...
def take_out(pid: int, program: bytes, session: bool, way: str) -> Child: ...
def disown(request: SpawnRequest) -> int: ...
def daemonize(request: DaemonRequest) -> Daemonized: ...
def start(request: StartRequest) -> Job: ...
def list(home: Optional[_Path]) -> List[Dict[str, Any]]: ...
def find(key: str, home: Optional[_Path]) -> Job: ...
def usage_of_all(home: Optional[_Path]) -> Dict[str, Dict[str, Any]]: ...
def events(home: Optional[_Path]) -> Events: ...
def prune(older_than: Optional[timedelta], home: Optional[_Path]) -> List[str]: ...
def restart(job: Job, grace: Optional[timedelta], keeper: _Path) -> Job: ...
def survey() -> Dict[str, Any]: ...
def doctor(leave_sandbox: bool, linger: bool) -> Dict[str, Any]: ...
