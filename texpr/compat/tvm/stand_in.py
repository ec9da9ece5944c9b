"""GPUs, for which this machine's CPU stands in."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

import texpr
from texpr.errors import TexprWarning

KINDS: Final = ("cuda", "nvptx", "gpu", "opencl", "cl", "rocm", "metal", "vulkan", "webgpu")
"""What TVM calls GPUs, as devices and as targets."""

_PACKAGE: Final = str(Path(texpr.__file__).parent)


class GpuStandInWarning(TexprWarning):
    """A program asked for a GPU and runs on the CPU."""


@cache
def warn_once() -> None:
    """Say that the CPU stands in for a GPU, once in a process, at the user's line."""
    level = 1
    frame: FrameType | None = sys._getframe(0)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(
        "texpr runs on CPUs: this machine's stands in for the GPU; loops bound to blockIdx run "
        "in parallel where that is legal, loops bound to threadIdx or vthread one after the other",
        GpuStandInWarning,
        stacklevel=level,
    )
