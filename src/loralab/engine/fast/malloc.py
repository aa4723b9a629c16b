"""The C library's allocator in, the same keeping freed memory for the next micro-batch out.

By default glibc gives large blocks back to the system as soon as they are free, and every micro-batch pays for
new pages again. Results do not depend on it.
"""

from __future__ import annotations

import ctypes
import platform
from typing import Literal

Malloc = Literal["tuned", "default"]

# mallopt(3): no block by mmap, up to 2 GiB of free memory kept at the top of the heap, which grows by 64 MiB.
SETTINGS = {-4: 0, -1: 2**31 - 1, -2: 64 << 20}


def tune_malloc(device: str) -> Malloc:
    """Whether the allocator of this process was tuned: for CPU work with glibc alone."""
    if device != "cpu" or platform.libc_ver()[0] != "glibc":
        return "default"
    mallopt = ctypes.CDLL(None).mallopt
    done = [mallopt(parameter, value) for parameter, value in SETTINGS.items()]
    return "tuned" if all(done) else "default"
