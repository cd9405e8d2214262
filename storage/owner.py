"""Who holds a lease: a process that anybody on the same machine can see alive or dead.

The name holds the machine, its process-id space, the process id and its start, so that a reused
process id is not mistaken for the one that died.
"""

import os
import socket
from functools import cache
from pathlib import Path

import psutil


@cache
def _machine() -> str:
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        space, boot = "", ""
    return f"{socket.gethostname()}/{boot}{space}".replace(":", "")


def this_process() -> str:
    """The name under which this process takes leases."""
    return f"{_machine()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_dead(owner: str) -> bool:
    """Whether the holder was a process of this machine that has ended. Of other machines nobody can tell."""
    machine, _, rest = owner.rpartition(":")[0].rpartition(":")
    if machine != _machine():
        return False
    pid, start = int(rest), float(owner.rpartition(":")[2])
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or bool(abs(process.create_time() - start) > 0.02)
    except psutil.NoSuchProcess:
        return True
