"""The runtime of parallel loops, the number of threads, and what a fork leaves of them."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import texpr
from texpr import doctor, te
from texpr.errors import ConfigError, TexprError
from texpr.target import host, threads

ROOT = Path(__file__).parents[2]

# A kernel that uses threads, in a process of its own.
SCRIPT = """
import os, sys
import numpy as np, texpr
from texpr import te
from texpr.target import threads

def plus_one():
    A = te.placeholder((te.var("n"),), "int64", name="A")
    B = te.compute(A.shape, lambda i: A[i] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    return texpr.build(s, [A, B])

def check(kernel):
    for _ in range(20):
        assert kernel(np.arange(1000)).tolist() == list(range(1, 1001))
"""


def run(text: str, *, code: int = 0, **environment: str) -> str:
    """Run a program in a process of its own, which must not hang."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT + text],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TEXPR_THREAD_WORK": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def runtimes() -> list[str]:
    """The files of the runtimes on this machine: GCC's, and Intel's of PyPI."""
    found = [*threads._of_package(), threads._NAMES.get(sys.platform, ("",))[0]]
    return [name for name in found if threads._load(name) is not None]


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch) -> threads._Process:
    """A process that has not looked for a runtime yet."""
    process = threads._Process()
    monkeypatch.setattr(threads, "_process", process)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("TEXPR_OPENMP", raising=False)
    return process


def parallel_kernel() -> texpr.Kernel:
    A = te.placeholder((9,), "int64", name="A")
    B = te.compute((9,), lambda i: A[i] + 1, name="B")
    s = te.create_schedule(B.op)
    s[B].parallel("i")
    return texpr.build(s, [A, B])


# ---------------------------------------------------------------- the number


def test_the_number_of_threads(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert texpr.get_num_threads() == host.num_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert texpr.get_num_threads() == 5
    texpr.set_num_threads(7)
    assert texpr.get_num_threads() == own_process.budget[0] == 7
    texpr.set_num_threads(np.int64(2))  # type: ignore[arg-type]
    assert texpr.get_num_threads() == 2


@pytest.mark.parametrize("wrong", [0, -1, 1025, 1.5, "4", None, True])
def test_numbers_that_are_none(wrong: object) -> None:
    before = texpr.get_num_threads()
    with pytest.raises(
        TexprError, match=r"set_num_threads: .* is not a number of threads; pass an int from 1 to"
    ):
        texpr.set_num_threads(wrong)  # type: ignore[arg-type]
    assert texpr.get_num_threads() == before


def test_a_variable_that_says_nothing(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "all")
    with pytest.raises(ConfigError, match="OMP_NUM_THREADS: 'all' is not a number"):
        texpr.get_num_threads()
    texpr.set_num_threads(2)
    assert texpr.get_num_threads() == 2


# ---------------------------------------------------------------- the runtime


def test_there_is_a_runtime_here() -> None:
    assert runtimes(), "install libgomp1, or intel-openmp"
    found = threads.runtime()
    assert found is not None
    assert set(found.symbols) == set(threads.FUNCTIONS)


@pytest.mark.parametrize("name", runtimes())
def test_each_runtime(name: str) -> None:
    text = run(
        "texpr.set_num_threads(4)\ncheck(plus_one())\nprint(threads.runtime().path)\n"
        "print(len(os.listdir('/proc/self/task')) if sys.platform == 'linux' else 4)",
        TEXPR_OPENMP=name,
    )
    path, count = text.split()
    assert Path(path).name.startswith(Path(name).name)
    assert int(count) >= 4


@pytest.mark.parametrize("name", runtimes())
def test_fewer_threads_than_were_asked_for(name: str) -> None:
    limits = {"OMP_THREAD_LIMIT": "2", "OMP_DYNAMIC": "true"}
    run("texpr.set_num_threads(8)\ncheck(plus_one())", TEXPR_OPENMP=name, **limits)


@pytest.mark.parametrize("name", runtimes())
def test_the_runtime_of_another_library_is_used(name: str) -> None:
    """One that is loaded, and has run threads of its own."""
    other = (
        "import ctypes\n"
        f"omp = ctypes.CDLL({name!r})\n"
        "task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)\n"
        "omp.GOMP_parallel(task, None, 3, 0)\n"
        "check(plus_one())\n"
        "omp.GOMP_parallel(task, None, 2, 0)\n"
        "check(plus_one())\n"
        "print(threads.runtime().path)"
    )
    path = run(other, OMP_NUM_THREADS="3").strip()
    assert Path(path).name.startswith(Path(name).name)


def test_it_is_looked_for_when_a_kernel_needs_it() -> None:
    serial = (
        "A = te.placeholder((4,), name='A')\n"
        "B = te.compute((4,), lambda i: A[i] + 1, name='B')\n"
        "texpr.build(te.create_schedule(B.op), [A, B])(np.zeros(4, 'float32'))\n"
        "print(threads._process.is_looked_for)\n"
        "plus_one()\n"
        "print(threads._process.is_looked_for)"
    )
    assert run(serial).split() == ["False", "True"]


def test_without_a_runtime_loops_are_serial_and_say_so_once(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_loaded", lambda: iter(()))
    monkeypatch.setattr(threads, "_PACKAGE", "no-such-package")
    monkeypatch.setattr(threads, "_NAMES", {"linux": ("no-such-library.so",)})
    with pytest.warns(
        RuntimeWarning,
        match=r"parallel loops run serially: no OpenMP runtime was found; "
        r"get one with pip install 'texpr\[threads\]'",
    ):
        kernel = parallel_kernel()
    assert kernel(np.arange(9)).tolist() == list(range(1, 10))
    assert "GOMP" not in kernel.llvm
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_kernel()
    assert texpr.get_num_threads() == 1
    report = doctor.examine([])
    what = "parallel loops run serially: no OpenMP runtime was found"
    assert doctor.Problem(what, threads.HOW_TO_GET_ONE) in report.problems


def test_none_is_an_answer(own_process: threads._Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXPR_OPENMP", "none")
    assert parallel_kernel()(np.arange(9)).tolist() == list(range(1, 10))
    assert doctor.examine([]).machine["openmp"] == "none: TEXPR_OPENMP says none"
    texpr.set_num_threads(4)
    assert texpr.get_num_threads() == 1


def test_none_is_known_before_a_kernel_is_built(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXPR_OPENMP", "none")
    texpr.set_num_threads(4)
    assert texpr.get_num_threads() == 1


@pytest.mark.parametrize("library", ["no-such-library.so", np.__file__, "libm.so.6"])
def test_a_file_that_is_no_runtime(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setenv("TEXPR_OPENMP", library)
    with pytest.raises(ConfigError, match=r"TEXPR_OPENMP: '.*' is no library with GOMP_parallel"):
        parallel_kernel()
    assert any("TEXPR_OPENMP" in problem.what for problem in doctor.examine([]).problems)


def test_doctor_names_the_runtime() -> None:
    found = threads.runtime()
    assert found is not None
    said = str(doctor.examine([]).machine["openmp"])
    assert said.startswith(found.path)
    assert said.endswith(f"up to {texpr.get_num_threads()} threads")


def test_the_version_is_that_of_the_package() -> None:
    assert threads.Runtime("/usr/lib/libgomp.so.1", {}).version is None
    for path in threads._of_package():
        assert Path(path).exists()
        version = threads.Runtime(path, {}).version
        assert version == importlib.metadata.version("intel-openmp")


def test_the_package_is_next_after_gccs(
    own_process: threads._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(threads, "_loaded", lambda: iter(("loaded",)))
    monkeypatch.setattr(threads, "_of_package", lambda: ("package",))
    monkeypatch.setattr(threads, "_NAMES", {sys.platform: ("first", "second")})
    monkeypatch.setattr(threads, "_load", tried.append)
    assert threads.runtime() is None
    assert tried == ["loaded", "first", "package", "second"]


# ---------------------------------------------------------------- forks


FORK = """
kernel = plus_one()
texpr.set_num_threads(3)
check(kernel)
assert texpr.get_num_threads() == 3
child = os.fork()
if child == 0:
    try:
        check(kernel)
        check(plus_one())
        texpr.set_num_threads(3)
        check(kernel)
        assert texpr.get_num_threads() == 1
        assert threads.runtime() is None
        assert "forked" in threads.why_serial()
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
check(kernel)
assert texpr.get_num_threads() == 3
print("done")
"""

POOL = """
import multiprocessing

kernel = plus_one()
check(kernel)

def work(_):
    check(kernel)
    check(plus_one())
    return texpr.get_num_threads()

with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(work, range(4)))
"""

LATE = """
import ctypes
omp = ctypes.CDLL(os.environ["RUNTIME"])
task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
omp.GOMP_parallel(task, None, 3, 0)
child = os.fork()
if child == 0:
    check(plus_one())
    os._exit(0 if threads.runtime() is None else 1)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""

FRESH = """
child = os.fork()
if child == 0:
    check(plus_one())
    os._exit(0 if threads.runtime() is not None else 1)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""

HAS_FORK = hasattr(os, "fork")


@pytest.mark.parametrize("name", runtimes() if HAS_FORK else [])
def test_a_forked_child_is_serial(name: str) -> None:
    assert run(FORK, TEXPR_OPENMP=name) == "done\n"


@pytest.mark.parametrize("name", runtimes() if HAS_FORK else [])
def test_workers_of_multiprocessing(name: str) -> None:
    assert run(POOL, TEXPR_OPENMP=name) == "[1, 1, 1, 1]\n"


@pytest.mark.parametrize("name", runtimes() if HAS_FORK else [])
def test_a_child_of_a_process_in_which_another_library_used_the_runtime(name: str) -> None:
    assert run(LATE, RUNTIME=name) == "done\n"
    assert run(LATE, RUNTIME=name, TEXPR_OPENMP=name) == "done\n"


@pytest.mark.parametrize("text", [FRESH] if HAS_FORK else [])
def test_a_child_of_a_process_that_had_no_runtime_gets_one(text: str) -> None:
    assert run(text) == "done\n"


def test_a_worker_that_imports_texpr_after_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was forked by multiprocessing, unless its own command line says that it was started."""

    class Worker:
        @staticmethod
        def parent_process() -> object:
            return object()

    assert not threads._is_forked_worker()
    monkeypatch.setitem(sys.modules, "multiprocessing.process", Worker)
    monkeypatch.setattr(sys, "orig_argv", ["python", "program.py"])
    assert threads._is_forked_worker()
    start = "from multiprocessing.spawn import spawn_main; spawn_main(...)"
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", start])
    assert not threads._is_forked_worker()


def test_the_budget_of_a_forked_child(own_process: threads._Process) -> None:
    assert threads.runtime() is not None
    texpr.set_num_threads(4)
    own_process.budget[1] = 3  # another thread of the parent was in a parallel loop
    own_process.after_fork()
    assert list(own_process.budget) == [1, 0]
    assert threads.symbols() is None
    assert ctypes.sizeof(own_process.budget) == 16


# ---------------------------------------------------------------- the end of the process

END = """
A = te.placeholder((te.var("n"),), "int64", name="A")
B = te.compute(A.shape, lambda i: te.call_pure_extern("int64", lambda x: x + 1, A[i]), name="B")
s = te.create_schedule(B.op)
s[B].parallel("i")
texpr.set_num_threads(3)

class Late:
    def __init__(self, kernel, a):
        self.kernel, self.a, self.write = kernel, a, os.write

    def __del__(self):
        self.write(1, b"%d" % self.kernel(self.a)[-1])

late = Late(texpr.build(s, [A, B]), np.arange(1000))
"""


def test_a_kernel_that_is_called_while_python_ends() -> None:
    assert run(END) == "1000"
