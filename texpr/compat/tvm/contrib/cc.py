"""Shared libraries of kernels, which are built where they are loaded: no compiler is called."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.files import AnyPath, read_kernel, write_kernel
from texpr.errors import TexprError

__all__ = ["create_shared"]


def create_shared(
    output: AnyPath, objects: AnyPath | Sequence[AnyPath], options: object = None, **more: object
) -> None:
    """Write the kernel of an object file that ``Module.save`` wrote to ``output``.

    ``options`` and what else TVM tells a compiler change nothing.

    Raises
    ------
    TexprError
        Several objects, or one that another program wrote.
    """
    paths = [objects] if isinstance(objects, (str, PathLike)) else [*objects]
    if len(paths) != 1:
        raise TexprError(
            f"create_shared: {len(paths)} objects; a module has one kernel here, so pass one, or "
            f"load each by tvm.runtime.load_module"
        )
    write_kernel(output, *read_kernel("create_shared", paths[0]))


__getattr__ = getattr_of(__name__)
