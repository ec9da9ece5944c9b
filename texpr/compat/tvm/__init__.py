"""TVM's classic te on texpr: ``import texpr.compat.tvm as tvm``, and programs stay as they are.

Everything is done by texpr: this package gives it TVM's names and defaults. A name that is not
offered says what to use instead.
"""

from __future__ import annotations

from typing import Any

from texpr.compat.tvm import (
    contrib,
    driver,
    error,
    ir,
    nd,
    runtime,
    target,
    te,
    testing,
    tir,
    topi,
    transform,
)
from texpr.compat.tvm.advice import UnsupportedError, UnsupportedImportError, getattr_of
from texpr.compat.tvm.devices import Device, cpu, cuda, device, gpu, metal, opencl, rocm, vulkan
from texpr.compat.tvm.devices import opencl as cl
from texpr.compat.tvm.driver import IRModule, build, lower
from texpr.compat.tvm.error import TVMError
from texpr.compat.tvm.module import Module
from texpr.compat.tvm.registry import get_global_func, register_func
from texpr.compat.tvm.stand_in import GpuStandInWarning
from texpr.version import __version__

__all__ = [
    "Device",
    "GpuStandInWarning",
    "IRModule",
    "Module",
    "TVMError",
    "UnsupportedError",
    "UnsupportedImportError",
    "__version__",
    "build",
    "cl",
    "contrib",
    "cpu",
    "cuda",
    "device",
    "driver",
    "error",
    "get_global_func",
    "gpu",
    "ir",
    "lower",
    "metal",
    "nd",
    "opencl",
    "register_func",
    "rocm",
    "runtime",
    "target",
    "te",
    "testing",
    "tir",
    "topi",
    "transform",
    "vulkan",
]


__getattr__ = getattr_of(__name__)
