"""Kernels in files: what stands where TVM stores machine code.

A file holds what a kernel is pickled as, its declared program and its trace, and the kernel is
built again for the machine that loads it.
"""

from __future__ import annotations

import pickle
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

from texpr.errors import TexprError, did_you_mean
from texpr.target.kernel import Kernel

AnyPath: TypeAlias = str | PathLike[str]

_MAGIC: Final = b"texpr kernel 1\n"


def write_kernel(path: AnyPath, kernel: Kernel, kind: str) -> None:
    """Write a kernel and the kind of target that it was built as.

    Raises
    ------
    TexprError
        A kernel that calls a function which is found under no name.
    """
    Path(path).write_bytes(_MAGIC + pickle.dumps((kernel, kind)))


def read_kernel(what: str, path: AnyPath) -> tuple[Kernel, str]:
    """Return what :func:`write_kernel` wrote; the kernel is built.

    Raises
    ------
    TexprError
        There is no such file, or it is another one.
    """
    file = Path(path)
    if not file.is_file():
        near = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
        raise TexprError(f"{what}: no file {str(path)!r}{did_you_mean(file.name, near)}")
    stored = file.read_bytes()
    if not stored.startswith(_MAGIC):
        raise TexprError(
            f"{what}: {str(path)!r} is no kernel of texpr's; texpr loads what save and "
            f"export_library wrote, and no machine code"
        )
    try:
        kernel, kind = pickle.loads(stored[len(_MAGIC) :])  # noqa: S301 - said in load_module
    except TexprError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever damaged bytes make pickle do
        raise TexprError(
            f"{what}: {str(path)!r} is damaged, or of another texpr ({type(error).__name__}: "
            f"{error}); write it again"
        ) from None
    return kernel, kind
