"""Shared libraries of kernels under TVM's names."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.compat.tvm.contrib import cc, utils
from texpr.errors import TexprError


def test_an_object_becomes_a_library():
    A = te.placeholder((te.var("n"),), name="A")
    B = te.compute(A.shape, lambda i: A[i] * 2, name="B")
    module = tvm.build(te.create_schedule(B.op), [A, B], "llvm", name="double")
    temp = utils.tempdir()
    one, both, library = (temp.relpath(name) for name in ("one.o", "two.o", "one.so"))
    module.save(one)
    module.save(both)
    for objects in (one, [one]):
        cc.create_shared(library, objects, options=["-shared"], cc="g++")
        again = tvm.runtime.load_module(library)
        assert again(np.arange(3, dtype="float32")).tolist() == [0, 2, 4]
    with pytest.raises(TexprError, match="create_shared: 2 objects; a module has one kernel here"):
        cc.create_shared(library, [one, both])
    with pytest.raises(TexprError, match=r"create_shared: no file '.*three.o'"):
        cc.create_shared(library, temp.relpath("three.o"))
