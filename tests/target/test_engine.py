import ctypes
import gc
import math
import re
import subprocess
import sys
import threading
import weakref
from dataclasses import replace

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

import texpr
from tests.target.handwritten import Host, host
from texpr import te
from texpr.errors import InternalError, LoweringError, TargetError
from texpr.target.llvm.engine import assembly, compile_module
from texpr.target.llvm.objectfile import linked_symbols

F32, F64, I64, PTR = ir.FloatType(), ir.DoubleType(), ir.IntType(64), ir.PointerType()
LINUX_ARM = Host("aarch64-unknown-linux-gnu", "neoverse-n1", "", is_host=False)
MACOS = Host("arm64-apple-macosx14.0.0", "apple-m1", "", is_host=False)
WINDOWS = Host("x86_64-pc-windows-msvc", "x86-64", "", is_host=False)


def calling(name, result=F32, *kinds):
    """A module whose function ``f`` calls the C function ``name`` with its own arguments."""
    module = ir.Module()
    kind = ir.FunctionType(result, kinds or (F32,))
    function = ir.Function(module, kind, "f")
    b = ir.IRBuilder(function.append_basic_block())
    b.ret(b.call(ir.Function(module, kind, name), function.args))
    return module


def adding():
    """``f(out, x, y, n)``: out[i] = x[i] + y[i]."""
    module = ir.Module()
    f = ir.Function(module, ir.FunctionType(ir.VoidType(), (PTR, PTR, PTR, I64)), "f")
    for arg in f.args[:3]:
        arg.add_attribute("noalias")
    b = ir.IRBuilder(f.append_basic_block())
    start, body, done = b.block, f.append_basic_block(), f.append_basic_block()
    b.cbranch(b.icmp_signed(">", f.args[3], I64(0)), body, done)
    b.position_at_end(body)
    i = b.phi(I64)
    i.add_incoming(I64(0), start)
    x, y = (b.load(b.gep(p, [i], source_etype=F32), typ=F32, align=4) for p in f.args[1:3])
    b.store(b.fadd(x, y), b.gep(f.args[0], [i], source_etype=F32), align=4)
    after = b.add(i, I64(1))
    i.add_incoming(after, body)
    b.cbranch(b.icmp_signed("<", after, f.args[3]), body, done)
    b.position_at_end(done)
    b.ret_void()
    return module


# ---------------------------------------------------------------- running


@pytest.mark.parametrize("name", ["expf", "tanhf", "erff", "fmodf", "log1pf"])
def test_the_mathematics_library_is_found(name):
    kinds = (F32, F32) if name == "fmodf" else (F32,)
    code = compile_module(calling(name, F32, *kinds), host(), ["f"])
    call = ctypes.CFUNCTYPE(ctypes.c_float, *[ctypes.c_float] * len(kinds))(code.address("f"))
    values = (0.75, 0.5)[: len(kinds)]
    expected = {"fmodf": math.fmod, "erff": math.erf}.get(name) or getattr(math, name.rstrip("f"))
    assert call(*values) == pytest.approx(expected(*values), rel=1e-6)


@pytest.mark.parametrize("name", ["malloc", "PyObject_GetBuffer", "Py_IncRef"])
def test_the_c_library_and_python_are_found(name):
    code = compile_module(calling(name, PTR, PTR, PTR, PTR), host(), ["f"])
    assert code.address("f")


def test_an_intrinsic_may_become_a_call():
    module = calling("llvm.sin.f32")
    code = compile_module(module, host(), ["f"])
    call = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)(code.address("f"))
    assert call(1.0) == pytest.approx(math.sin(1.0))


def test_symbols_that_are_given_come_first():
    kind = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)
    double = kind(lambda x: 2 * x)
    address = ctypes.cast(double, ctypes.c_void_p).value
    code = compile_module(calling("expf"), host(), ["f"], symbols={"expf": address})
    assert kind(code.address("f"))(21.0) == 42.0


def test_every_missing_symbol_is_named():
    module = calling("no_such_function")
    b = ir.IRBuilder(module.globals["f"].entry_basic_block)
    b.position_at_start(b.block)
    b.call(ir.Function(module, ir.FunctionType(ir.VoidType(), ()), "nor_this_one"), ())
    expected = (
        "kernel: the compiled code calls 'no_such_function', 'nor_this_one', which neither Python"
    )
    with pytest.raises(LoweringError, match=expected):
        compile_module(module, host(), ["f"])


@pytest.mark.skipif(not host().triple.startswith("x86_64"), reason="other machines have it")
def test_a_missing_symbol_that_only_code_generation_knows():
    text = "define bfloat @f(float %x) { %y = fptrunc float %x to bfloat\n ret bfloat %y }"
    with pytest.raises(LoweringError, match=r"soft: the compiled code calls '__truncsfbf2', which"):
        compile_module(text, replace(host(), cpu="x86-64", features=""), ["f"], name="soft")


def test_a_loop_is_vectorised():
    code = compile_module(adding(), host(), ["f"])
    assert re.search(r"<\d+ x float>", code.llvm)
    assert code.llvm is code.llvm
    assert "f:" in code.asm
    arrays = [(ctypes.c_float * 100)(*values) for values in ([0] * 100, range(100), [1] * 100)]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)
    kind(code.address("f"))(*arrays, 99)
    assert list(arrays[0]) == [*range(1, 100), 0]


def test_a_second_module_is_linked_with_the_first():
    module = calling("expf")
    entry = ir.Module()
    kind = ir.FunctionType(F32, (F32,))
    function = ir.Function(entry, kind, "twice")
    b = ir.IRBuilder(function.append_basic_block())
    once = b.call(ir.Function(entry, kind, "f"), function.args)
    b.ret(b.fadd(once, once))
    code = compile_module(module, host(), ["twice"], entry=entry)
    assert ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)(code.address("twice"))(0.0) == 2.0
    assert "twice" not in code.llvm


def test_only_exports_have_addresses():
    code = compile_module(calling("expf"), host(), ["f"])
    with pytest.raises(InternalError, match="link: the module does not export 'g'"):
        code.address("g")


def test_an_export_that_is_not_there():
    with pytest.raises(InternalError, match=r"kernel: the code defines \['f'\], not all of"):
        compile_module(calling("expf"), host(), ["g"])


@pytest.mark.parametrize(
    "text",
    [
        "define float @f(float %x) { ret float %y }",
        "define float @f(float %x) { entry: br label %entry\n }\ndeclare void @f()",
        "define i64 @f(i64 %x) { %y = add i64 %x, %z\n %z = add i64 %x, 1\n ret i64 %y }",
    ],
)
def test_bad_ir_is_a_bug_of_ours(text):
    with pytest.raises(InternalError, match="code generation: LLVM refused") as caught:
        compile_module(text, host(), ["f"])
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_threads_may_compile_at_once():
    results = []

    def work():
        results.extend(compile_module(adding(), host(), ["f"]).address("f") for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20


def test_code_goes_with_its_last_reference():
    code = compile_module(adding(), host(), ["f"])
    alive = weakref.ref(code)
    library = weakref.ref(code._library)
    del code
    gc.collect()
    assert alive() is None
    assert library() is None


def test_nothing_is_printed_by_llvm():
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.target import test_engine as t\n"
        "try: t.compile_module(t.calling('no_such_function'), t.host(), ['f'])\n"
        "except t.LoweringError: pass\n"
        "try: t.compile_module(t.calling('expf'), t.host(), ['g'])\n"
        "except t.InternalError: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


# ---------------------------------------------------------------- other machines


def test_other_machines_get_assembly():
    text = assembly(adding(), LINUX_ARM)
    assert re.search(r"fadd\s+v\d+\.4s", text)
    assert "_f:" in assembly(adding(), MACOS)
    assert "f:" in assembly(adding(), WINDOWS)


def test_code_for_another_machine_does_not_run_here():
    expected = (
        r"matmul: code for aarch64-unknown-linux-gnu \(neoverse-n1\) does not run on this machine; "
        r"ask for its assembly instead"
    )
    with pytest.raises(TargetError, match=expected):
        compile_module(adding(), LINUX_ARM, ["f"], name="matmul")


def test_an_unknown_triple():
    with pytest.raises(TargetError, match="cannot generate code for the triple 'pdp11-dec-unix'"):
        assembly(adding(), Host("pdp11-dec-unix", "", "", is_host=False))


# ---------------------------------------------------------------- object files


@pytest.mark.parametrize("machine", [host(), LINUX_ARM, MACOS])
def test_linked_symbols(machine):
    assembly(adding(), machine)  # initialises LLVM for the machine
    text = (
        "declare float @expf(float)\n"
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
        "@constant = internal constant [3 x float] [float 1.0, float 2.0, float 3.0]\n"
        "define internal float @inner(float %x) noinline { %y = fadd float %x, 1.0\n ret float %y }"
        "define float @f(float %x, ptr %p, ptr %q, i64 %n) {\n"
        "  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %q, i64 %n, i1 false)\n"
        "  %y = call float @expf(float %x)\n"
        "  %z = call float @inner(float %y)\n"
        "  %g = getelementptr float, ptr @constant, i64 %n\n"
        "  %w = load float, ptr %g\n"
        "  %r = frem float %z, %w\n"
        "  ret float %r }"
    )
    target = llvm.Target.from_triple(machine.triple)
    made = target.create_target_machine(cpu=machine.cpu, reloc="pic", codemodel="small")
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    assert linked_symbols(made.emit_object(module)) == ({"f"}, {"expf", "fmodf", "memcpy"})


def test_an_object_of_another_format():
    with pytest.raises(InternalError, match=r"an object file that begins with b'MZ' is not known"):
        linked_symbols(b"MZ")


# ---------------------------------------------------------------- mistakes of LLVM's


def test_code_that_joining_scalars_would_break():
    """LLVM 22.1's SLP vectorizer makes vectors of these that use a load before it is there."""
    A = te.placeholder((7, 9), "int32", name="A")
    B = te.compute((6, 8), lambda i, j: A[i, j] + A[i + 1, j + 1] + 4, name="B")
    C = te.compute((5, 6), lambda i, j: B[i + 1, j] * 3 + B[i + 1, j + 1] + 2, name="C")
    E = te.compute((3, 8), lambda i, j: B[i + 2, j] * 2 + 5, name="E")
    F = te.compute((3, 8), lambda i, j: B[i, j] * 2 + E[i, j] + 2, name="F")
    s = te.create_schedule([C.op, E.op, F.op])
    kernel = texpr.build(s, target="llvm -mtriple=x86_64-linux-gnu -mcpu=haswell")
    assert "texpr_F" in kernel.asm
