"""Arrays of ``tvm.nd``: NumPy arrays that answer to TVM's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from texpr.compat.tvm import stand_in
from texpr.compat.tvm.advice import getattr_of, missing
from texpr.compat.tvm.devices import Device, cpu, cuda, device, metal, opencl, rocm, vulkan
from texpr.errors import DTypeError, ShapeError, shown
from texpr.ir.dtypes import as_dtype

__all__ = [
    "NDArray",
    "array",
    "cpu",
    "cuda",
    "device",
    "empty",
    "from_dlpack",
    "metal",
    "opencl",
    "rocm",
    "vulkan",
]


class NDArray:
    """An array that a :class:`~texpr.compat.tvm.module.Module` takes; ``numpy()`` copies it.

    >>> import numpy as np
    >>> a = array(np.arange(3, dtype="float32"))
    >>> a.shape, a.dtype, a.numpy().sum()
    ((3,), 'float32', np.float32(3.0))
    """

    def __init__(self, view: np.ndarray[Any, Any], device: Device | None = None) -> None:
        self.view = view
        """The array itself, not a copy."""
        self.device = cpu() if device is None else device

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.view.shape)

    @property
    def ndim(self) -> int:
        return self.view.ndim

    @property
    def dtype(self) -> str:
        """The name of the type of an element."""
        return str(self.view.dtype)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the elements, as an array that is the caller's own."""
        return self.view.copy()

    asnumpy = numpy

    def copyfrom(self, source: object) -> NDArray:
        """Take the elements of an array of the same shape, cast to this type, and return self.

        Raises
        ------
        ShapeError
            ``source`` has another shape.
        """
        given = plain(source)
        elements = given if isinstance(given, np.ndarray) else np.asarray(given)
        if elements.shape != self.shape:
            raise ShapeError(
                f"copyfrom: {elements.shape} does not fit {self.shape}; pass an array of that shape"
            )
        self.view[...] = elements
        return self

    def copyto(self, target: NDArray | Device) -> NDArray:
        """Copy the elements to another array, or to a new one on a device; return that."""
        if isinstance(target, Device):
            return array(self, target)
        if not isinstance(target, NDArray):
            raise DTypeError(f"copyto: {shown(target)} is neither an NDArray nor a device")
        return target.copyfrom(self)

    def __setitem__(self, index: Any, value: object) -> None:
        self.view[index] = plain(value)

    def __len__(self) -> int:
        return len(self.view)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.view, dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self.view.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.view.__dlpack_device__()

    def __repr__(self) -> str:
        return f"<tvm.nd.NDArray shape={self.shape}, {self.device}>\n{self.view!r}"

    def __getattr__(self, name: str) -> Any:
        raise missing("nd.NDArray", name, dir(self))


def plain(value: object) -> Any:
    """Return the NumPy array of an NDArray, and anything else as it is."""
    return value.view if isinstance(value, NDArray) else value


def array(arr: object, device: Device | None = None) -> NDArray:
    """Return a copy of anything that NumPy takes for an array.

    Raises
    ------
    DTypeError
        Its elements are of no type that texpr has.
    ShapeError
        Lists of different lengths.
    """
    try:
        view = np.array(plain(arr), order="C")
    except ValueError as error:
        raise ShapeError(f"array: {shown(arr)} is no array: {error}; pass one") from error
    as_dtype(view.dtype)
    return _on(view, device)


def empty(shape: Any, dtype: object = "float32", device: Device | None = None) -> NDArray:
    """Return an array whose elements are not set.

    >>> empty((2, 3), "int8").shape
    (2, 3)
    """
    element = as_dtype(dtype).numpy
    try:
        return _on(np.empty(shape, element), device)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"empty: {shown(shape)} is no shape; pass a tuple of ints") from error


def from_dlpack(tensor: Any) -> NDArray:
    """Return an array that shares its memory with ``tensor``, which has ``__dlpack__``."""
    return NDArray(np.from_dlpack(tensor))


def _on(view: np.ndarray[Any, Any], device: Device | None) -> NDArray:
    if device is not None and not isinstance(device, Device):
        raise DTypeError(f"array: {shown(device)} is no device; use tvm.cpu()")
    made = NDArray(view, device)
    if not made.device.exist:
        stand_in.warn_once()
    return made


__getattr__ = getattr_of(__name__)
