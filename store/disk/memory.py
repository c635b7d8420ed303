"""How much memory this process can use, and whether an error means that there was too little.

The smallest of three limits counts: what the system calls available, what the limit of the process's cgroup (a
container's limit, version 1 or 2) leaves, and what RLIMIT_AS and RLIMIT_DATA leave.
"""

import contextlib
import errno
import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

UNKNOWN = sys.maxsize
"""What `free_memory` says where nothing is known about the machine."""
_V1, _V2 = Path("/sys/fs/cgroup/memory"), (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_ERRNOS = {errno.ENOMEM, errno.ENOBUFS}
_WORDS = re.compile(
    r"out of memory|can(?:'|no)t allocate memory|bad_alloc|unable to allocate|failed to map segment", re.I
)


def free_memory() -> int:
    """Bytes that this process can use now, at least 0; UNKNOWN where the system does not tell."""
    return max(0, min(_available(), *_left_by_cgroups(), *_left_by_limits()))


def space_taken() -> int:
    """Bytes of this process's address space, which RLIMIT_AS limits; 0 where the system does not tell."""
    return _statm()[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy, Arrow, the system, torch or FAISS means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _ERRNOS
    # A library that finds no room while it is loaded is an ImportError, or an OSError without a number.
    return isinstance(error, OSError | RuntimeError | ImportError) and _WORDS.search(str(error)) is not None


def no_memory(error: BaseException) -> str:
    """The message where the job runs out of memory: what was requested, how much is free, and what to do."""
    message = " ".join(str(error).split())[:150]
    return (
        f"there is not enough memory ({message or 'an allocation failed'}; {in_words(free_memory())} are free): "
        "use fewer workers (--workers 1), close other programs, or raise the limit of this process"
    )


def in_words(size: int) -> str:
    """Bytes as people write them: 1.3 GB, 380 KB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size / unit:.0f} {name}"
    return f"{size} bytes"


def _available() -> int:
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo", "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return UNKNOWN


def _left_by_limits() -> Iterator[int]:
    """What the soft limits of this process leave of its address space and its data."""
    space, data = _statm()
    for kind, taken in ((resource.RLIMIT_AS, space), (resource.RLIMIT_DATA, data)):
        soft, _ = resource.getrlimit(kind)
        yield UNKNOWN if soft == resource.RLIM_INFINITY or not taken else soft - taken


def _statm() -> tuple[int, int]:
    """Bytes of the whole address space and of data and stack; (0, 0) where there is no /proc."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm", "rb") as file:
        pages = file.read().split()
        size = os.sysconf("SC_PAGE_SIZE")
        return int(pages[0]) * size, int(pages[5]) * size
    return 0, 0


def _left_by_cgroups() -> Iterator[int]:
    """What the process's memory cgroup and each cgroup above it leave."""
    yield UNKNOWN
    with (
        contextlib.suppress(OSError, ValueError),
        open("/proc/self/cgroup", errors="replace") as file,
    ):
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controllers == "":
                yield from (_left(folder, "memory.max", "memory.current", "") for folder in _folders(_V2, path))
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
                yield from (_left(folder, *names) for folder in _folders((_V1,), path))


def _folders(roots: tuple[Path, ...], path: str) -> Iterator[Path]:
    """A cgroup and those above it. Inside a container its path may be the host's; then only the root exists."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for root in roots:
        yield from (root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))


def _left(folder: Path, limit: str, usage: str, prefix: str) -> int:
    """What one cgroup leaves; the page cache counts as free, since the kernel drops it first."""
    try:
        most = (folder / limit).read_text().strip()
        if most == "max":
            return UNKNOWN
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        files = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
        return int(most) - int((folder / usage).read_text()) + files
    except (OSError, ValueError):
        return UNKNOWN
