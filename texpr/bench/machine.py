"""The machine that was measured on: what a reader has to know to judge the numbers."""

from __future__ import annotations

import datetime as dt
import os
import platform
from typing import Any

from texpr.target import host
from texpr.target.target import Target


def machine() -> dict[str, Any]:
    """Return processor, cores, caches, system and date; and how busy it was."""
    caches = host.caches()
    return {
        "cpu": host.cpu_brand(),
        "num_cores": host.num_cores(),
        "l1d_bytes": caches.l1d_bytes,
        "l2_bytes": caches.l2_bytes,
        "l3_bytes": caches.l3_bytes,
        "memory_bytes": host.memory_bytes(),
        "target": str(Target.of(None)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        # Processes that wanted a core in the last minute; above zero, others measured along.
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }
