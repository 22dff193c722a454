"""Whether the kernel has killed a process here because its cgroup was out of memory."""

from __future__ import annotations

import re
from pathlib import Path


def oom_kills(proc: Path = Path("/proc/self"), root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """How many processes of our own memory cgroup the kernel has killed; None if it does not tell.

    ``memory.oom_control`` of cgroup v1, ``memory.events`` of v2 (Linux, Documentation/admin-guide/
    cgroup-v1/memory.rst and cgroup-v2.rst).
    """
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            file = root / "memory" / path.lstrip("/") / "memory.oom_control"
        elif not controllers:
            file = root / path.lstrip("/") / "memory.events"
        else:
            continue
        try:
            found = re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return None
