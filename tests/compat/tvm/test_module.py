"""Compiled modules under TVM's names."""

from __future__ import annotations

import numpy as np
import pytest

from texpr.compat import tvm
from texpr.compat.tvm import te
from texpr.errors import ArgumentError, ShapeError, TexprError


@pytest.fixture(scope="module")
def module():
    n = te.var("n")
    A = te.placeholder((n,), name="A")
    B = te.compute((n,), lambda i: A[i] * 2, name="B")
    return tvm.build(te.create_schedule(B.op), [A, B], "llvm", name="double")


@pytest.mark.parametrize("name", ["double", "__tvm_main__"])
def test_functions_by_name(module, name):
    a, b = tvm.nd.array(np.arange(3, dtype="float32")), tvm.nd.empty((3,))
    assert module[name](a, b) is None
    assert b.numpy().tolist() == [0, 2, 4]
    assert module.get_function(name).entry_func.name == "double"
    assert module.entry_name == "__tvm_main__"
    assert module.imported_modules == []
    assert repr(module).startswith("Module(<kernel double(")


def test_numpy_arrays_will_do_and_outputs_may_be_left_out(module):
    a = np.arange(3, dtype="float32")
    assert module(a).tolist() == [0, 2, 4]


def test_mistakes_are_explained_as_by_the_kernel(module):
    with pytest.raises(ArgumentError, match="double: no function 'triple'; it has 'double'"):
        module["triple"]
    with pytest.raises(ShapeError, match="double: B"):
        module(tvm.nd.empty((3,)), tvm.nd.empty((4,)))
    with pytest.raises(TypeError, match="double: A is float64 where float32 is wanted"):
        module(tvm.nd.empty((3,), "float64"), tvm.nd.empty((3,)))


def test_sources(module, tmp_path):
    assert "define" in module.get_source()
    assert module.get_source("ll") == module.kernel.llvm
    assert module.get_source("asm") == module.get_source("s") == module.kernel.asm
    with pytest.raises(ArgumentError, match="get_source: no format 'cuda'; ask for 'll' or 'asm'"):
        module.get_source("cuda")
    module.save(str(tmp_path / "double.ll"))
    assert (tmp_path / "double.ll").read_text() == module.kernel.llvm
    module.save(tmp_path / "double.txt", "asm")
    assert (tmp_path / "double.txt").read_text() == module.kernel.asm


@pytest.mark.parametrize("file", ["double.o", "double.so", "double"])
def test_machine_code_is_not_stored_and_the_answer_says_so(module, tmp_path, file):
    for what, act in (
        ("save", module.save),
        ("export_library", module.export_library),
        ("load_module", tvm.runtime.load_module),
    ):
        with pytest.raises(TexprError, match=f"{what}: '.*{file}': machine code is not stored;"):
            act(str(tmp_path / file))
    assert list(tmp_path.iterdir()) == []


def test_times(module):
    a, b = tvm.nd.array(np.ones(64, "float32")), tvm.nd.empty((64,))
    found = module.time_evaluator("double", tvm.cpu(), number=2, repeat=4)(a, b)
    assert len(found.results) == 4
    assert 0 < found.min <= found.median <= found.max < 1
    assert found.min <= found.mean <= found.max
    assert found.std <= found.max
    assert b.numpy().tolist() == [2] * 64
    slow = module.time_evaluator(module.entry_name, tvm.cpu(), number=1, min_repeat_ms=1)
    assert slow(a, b).mean < 1e-3  # many calls to a sample


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 0}, "time_evaluator: number = 0 must be at least 1"),
        ({"repeat": 0}, "time_evaluator: repeat = 0 must be at least 1"),
        ({"f_preproc": "cache_flush"}, "time_evaluator: no option 'f_preproc'; it takes number"),
        ({"func_name": "triple"}, "no function 'triple'"),
    ],
)
def test_what_cannot_be_timed_is_refused(module, options, message):
    with pytest.raises(ArgumentError, match=message):
        module.time_evaluator(**{"func_name": "double", "dev": tvm.cpu(), **options})
