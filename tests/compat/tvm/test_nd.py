"""Arrays and devices under TVM's names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm.stand_in import GpuStandInWarning
from texpr.errors import DTypeError, ShapeError, TargetError


def test_an_array_is_a_copy_and_so_is_what_it_gives_away():
    data = np.arange(6, dtype="float32").reshape(2, 3)
    a = tvm.nd.array(data)
    data[:] = 0
    assert a.numpy().sum() == 15
    a.numpy()[:] = 1
    assert a.asnumpy().sum() == 15
    assert (a.shape, a.ndim, a.dtype, len(a), a.device) == ((2, 3), 2, "float32", 2, tvm.cpu(0))
    assert repr(a).startswith("<tvm.nd.NDArray shape=(2, 3), cpu(0)>\narray(")


def test_copying():
    a, b = tvm.nd.array(np.arange(3, dtype="float32")), tvm.nd.empty((3,), "int8")
    assert a.copyto(b) is b
    assert b.numpy().tolist() == [0, 1, 2]
    assert b.dtype == "int8"
    c = a.copyto(tvm.cpu(0))
    a[:] = 7.0
    assert (c.numpy().tolist(), a.numpy().tolist()) == ([0, 1, 2], [7, 7, 7])
    a[:] = c
    assert a.copyfrom([4, 5, 6]).numpy().tolist() == [4, 5, 6]
    with pytest.raises(ShapeError, match=r"copyfrom: \(2,\) does not fit \(3,\); pass"):
        a.copyfrom(np.zeros(2))
    with pytest.raises(DTypeError, match="copyto: 'cpu' is neither an NDArray nor a device"):
        a.copyto("cpu")


def test_numpy_and_dlpack_see_the_elements():
    a = tvm.nd.array([1, 2])
    assert np.asarray(a).tolist() == [1, 2]
    assert np.from_dlpack(a).tolist() == [1, 2]
    shared = np.zeros(2)
    tvm.nd.from_dlpack(shared)[0] = 5
    assert shared.tolist() == [5, 0]


@pytest.mark.parametrize("elements", [["a"], [1j], [None]])
def test_types_that_texpr_lacks_are_refused(elements):
    with pytest.raises(DTypeError):
        tvm.nd.array(np.array(elements))


def test_what_is_no_array_no_shape_or_no_device():
    with pytest.raises(ShapeError, match=r"array: \[\[1\], \[1, 2\]\] is no array: .*; pass one"):
        tvm.nd.array([[1], [1, 2]])
    for shape in ((-1,), "x", (1.5,)):
        with pytest.raises(ShapeError, match=r"empty: .* is no shape; pass a tuple of ints"):
            tvm.nd.empty(shape)
    with pytest.raises(DTypeError, match=r"array: 'cpu' is no device; use tvm.cpu\(\)"):
        tvm.nd.array([1.0], "cpu")


def test_devices():
    assert str(tvm.cuda(1)) == "cuda(1)"
    assert tvm.gpu() == tvm.device("cuda")
    assert tvm.cl(0).kind == "opencl"
    assert tvm.device("llvm -mcpu=znver3", 0) == tvm.cpu(0)
    tvm.cpu().sync()
    with pytest.raises(TargetError, match="device: no device 'cudda'; did you mean 'cuda'"):
        tvm.device("cudda")
    with pytest.raises(TargetError, match=r"device: no device 3; use tvm.cpu\(\)"):
        tvm.device(3)


def test_an_array_on_a_gpu_is_here_and_says_so_once(stands_in):
    with stands_in() as caught:
        a = tvm.nd.array([1.0], tvm.cuda(0))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", GpuStandInWarning)
        b = tvm.nd.empty((1,), "float64", tvm.cuda(0))
    assert a.copyto(b).numpy().tolist() == [1]
