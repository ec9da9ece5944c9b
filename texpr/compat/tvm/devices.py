"""Devices: names of where arrays are, which is this machine's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from texpr.compat.tvm import stand_in
from texpr.compat.tvm.advice import missing
from texpr.errors import TargetError, did_you_mean, shown

_CPU_NAMES: Final = ("cpu", "llvm")


@dataclass(frozen=True)
class Device:
    """A device; ``exist`` says whether there is one, and of GPUs there is none."""

    kind: str
    index: int = 0

    @property
    def exist(self) -> bool:
        return self.kind == "cpu"

    def sync(self) -> None:
        """Wait until the device is done, as it is whenever a call has returned."""

    def __str__(self) -> str:
        return f"{self.kind}({self.index})"

    def __getattr__(self, name: str) -> Any:
        raise missing("runtime.Device", name, dir(self))


def device(dev_type: object, dev_id: int = 0) -> Device:
    """Return the device of a kind, or of the kind of a target.

    Raises
    ------
    TargetError
        There is no such kind.

    >>> device("llvm", 0), device("cuda").exist
    (Device(kind='cpu', index=0), False)
    """
    kind = dev_type.partition(" ")[0] if isinstance(dev_type, str) else dev_type
    if kind not in _CPU_NAMES and kind not in stand_in.KINDS:
        near = did_you_mean(str(kind), (*_CPU_NAMES, *stand_in.KINDS))
        raise TargetError(f"device: no device {shown(dev_type)}{near or '; use tvm.cpu()'}")
    return Device("cpu" if kind in _CPU_NAMES else str(kind), dev_id)


_OfIndex = Callable[..., Device]

cpu: _OfIndex = partial(Device, "cpu")
cuda: _OfIndex = partial(Device, "cuda")
rocm: _OfIndex = partial(Device, "rocm")
opencl: _OfIndex = partial(Device, "opencl")
metal: _OfIndex = partial(Device, "metal")
vulkan: _OfIndex = partial(Device, "vulkan")
gpu: _OfIndex = cuda
