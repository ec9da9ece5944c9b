"""Compiled modules under TVM's names."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

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


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["double.o", "double.so", "double.tar", "double"])
def test_a_kernel_in_a_file_is_built_again(module, tmp_path, name):
    for path, write in (
        (tmp_path / name, module.save),
        (str(tmp_path / name), partial(module.export_library, fcompile=None, options=["-O3"])),
    ):
        write(path)
        again = tvm.runtime.load_module(path)
        assert again["double"](np.arange(3, dtype="float32")).tolist() == [0, 2, 4]
        assert str(again.kernel.trace) == str(module.kernel.trace)
        assert again.imported_modules == []
        assert str(again.target) == str(module.target)


def test_a_kernel_in_a_file_is_built_by_another_process(module, tmp_path):
    module.save(tmp_path / "double.o")
    program = (
        "import numpy, texpr.compat.tvm as tvm\n"
        f"f = tvm.runtime.load_module({str(tmp_path / 'double.o')!r})\n"
        "print(f(numpy.ones(2, 'float32')))\n"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.stdout == "[2. 2.]\n", run.stderr


def test_a_module_of_a_gpu_stays_one(stands_in, tmp_path):
    A = te.placeholder((4,), name="A")
    B = te.compute((4,), lambda i: A[i] * 2, name="B")
    with stands_in():
        module = tvm.build(te.create_schedule(B.op), [A, B], "cuda", name="double")
        module.imported_modules[0].save(tmp_path / "double.ptx")
        again = tvm.runtime.load_module(tmp_path / "double.ptx")
    assert again.target.is_gpu
    assert again.imported_modules == [again]


def test_files_that_texpr_did_not_write(module, tmp_path):
    path = tmp_path / "double.so"
    with pytest.raises(TexprError, match=r"load_module: no file '.*double.so'$"):
        tvm.runtime.load_module(path)
    path.write_bytes(b"\x7fELF")
    with pytest.raises(TexprError, match=r"'.*double.so' is no kernel of texpr's; texpr loads"):
        tvm.runtime.load_module(path)
    with pytest.raises(TexprError, match=r"no file '.*double.s0'; did you mean 'double.so'\?"):
        tvm.runtime.load_module(tmp_path / "double.s0")
    module.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TexprError, match=r"double.so' is damaged, or of another texpr \("):
        tvm.runtime.load_module(path)


def test_a_kernel_that_cannot_be_stored(tmp_path):
    A = te.placeholder((4,), name="A")

    def turn(a, b):
        b[:] = a[::-1]

    B = te.extern((4,), [A], lambda i, o: te.call_packed(turn, *i, *o), name="B")
    module = tvm.build(te.create_schedule(B.op), [A, B], name="turned")
    with pytest.raises(TexprError, match="the Python function 'turn' is no function of a module"):
        module.save(tmp_path / "t.o")
    assert list(tmp_path.iterdir()) == []
