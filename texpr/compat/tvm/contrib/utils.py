"""Temporary directories."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp

from texpr.compat.tvm.advice import getattr_of

__all__ = ["TempDirectory", "tempdir"]


class TempDirectory:
    """A directory that is removed with this object.

    >>> temp = tempdir()
    >>> with open(temp.relpath("one"), "w") as file:
    ...     _ = file.write("1")
    >>> temp.listdir()
    ['one']
    """

    def __init__(self) -> None:
        self.temp_dir = mkdtemp()
        self._removal = weakref.finalize(self, shutil.rmtree, self.temp_dir, ignore_errors=True)

    def remove(self) -> None:
        """Remove the directory now."""
        self._removal()

    @property
    def path(self) -> str:
        return self.temp_dir

    def relpath(self, name: str) -> str:
        """Return the path of the file ``name`` in it."""
        return str(Path(self.temp_dir, name))

    def listdir(self) -> list[str]:
        """Return the names of what is in it."""
        return sorted(path.name for path in Path(self.temp_dir).iterdir())


def tempdir() -> TempDirectory:
    """Return a new one."""
    return TempDirectory()


__getattr__ = getattr_of(__name__)
