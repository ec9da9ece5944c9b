"""What is said where a name of TVM's is missing: what to use instead.

The table is asked only where Python finds no attribute, so an entry falls silent by itself once
texpr has what it is about.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from texpr.errors import TexprError, did_you_mean

ROOT: Final = __name__.rpartition(".")[0]


class UnsupportedError(TexprError, AttributeError):
    """A name of TVM's that is not offered; the text says what to use instead."""


class UnsupportedImportError(TexprError, ImportError):
    """The same, said where the name is imported."""


_NETWORKS = "texpr compiles operators, not networks; declare each operator with te.compute"
_TUNING = "write candidates as functions of a schedule, s.apply(candidate), and time the kernels"
_LOOPS = "write the loops as a function and put @texpr.kernel on it"
_HERE = "kernels run in this process; build for another machine by -mtriple and take .asm"
_INTRINSIC = "texpr picks vector instructions itself; vectorize and unroll the inner loops"
_C_FUNCTION = "use the function of te, te.exp(x); a C function on whole arrays belongs in te.extern"
_BUFFERS = "arrays are passed as they are, strided views included; leave the declaration out"
_SIMPLIFY = "expressions are simplified when a program is lowered, print(tvm.lower(s, args))"
_FILES = (
    "no compiler is called and no machine code stored; f.export_library(path) writes what "
    "tvm.runtime.load_module(path) builds again"
)
_MEMORY = "CPUs have one memory; leave it out"
_DRAWN = "print(s) shows the loops, print(s.trace) the primitives, s.stages the stages"
_SCHEDULES = (
    "schedule the stages yourself, s = te.create_schedule(out.op) and s[out].parallel(…), "
    "s[out].vectorize(…)"
)
_LIBRARY = "wrap the library's function by te.extern, or write the operator as a te.compute"
_NETWORK_OPERATOR = "write it as a te.compute; topi here has what whole tensors of te can do"
_MOVED = "it moved in TVM 0.7; write tvm.te.var(…) for tvm.var(…), and so on"
_INVERSE = "write it by te.log, asinh(x) as te.log(x + te.sqrt(x * x + 1))"
_PASSES = "print(kernel.program) shows what the passes made"
_PYTEST = "texpr targets CPUs; test with pytest as usual"

_GROUPS: Final[Sequence[tuple[str, str, str]]] = (
    ("", "relay relax parser frontend graph_executor", _NETWORKS),
    ("", "autotvm auto_scheduler meta_schedule auto_tune dlight", _TUNING),
    ("", "script tirx s_tir hybrid", _LOOPS),
    ("", "rpc micro support exec", _HERE),
    ("", "arith", _SIMPLIFY),
    ("", "var size_var placeholder compute create_schedule reduce_axis thread_axis scan", _MOVED),
    ("", "extern const sum min max select exp if_then_else all any min_value max_value", _MOVED),
    ("te", "hybrid", _LOOPS),
    ("te", "decl_tensor_intrin TensorIntrin", _INTRINSIC),
    ("te", "extern_primfunc create_prim_func", _LOOPS),
    ("te", "schedule", "bounds are inferred by themselves; " + _DRAWN),
    ("te", "SpecializedCondition", "build a kernel for each case, with numbers for the sizes"),
    ("te", "gradient", "declare the derivative as a te.compute of its own"),
    ("te", "trace", "print(kernel.program), or TEXPR_DEBUG=3 in the environment"),
    ("te", "AXIS_SEPARATOR", _BUFFERS),
    ("te.Stage", "tensorize", _INTRINSIC),
    ("te.Stage", "double_buffer", _MEMORY),
    ("te.Stage", "prefetch", "the processor prefetches by itself; leave it out"),
    ("te.Stage", "pragma", "unroll by s[C].unroll(i), and leave the others out"),
    ("te.Stage", "env_threads", "texpr targets CPUs; leave it out"),
    ("te.Stage", "iter_var_attrs relations all_iter_vars attach_type attach_stage group", _DRAWN),
    ("te.Schedule", "rfactor", "declare the partial sums as a te.compute, and sum these"),
    ("te.Schedule", "create_group groups", "schedule each stage, in a loop over s.stages"),
    ("te.Schedule", "stage_map schedule_record primitive_record", _DRAWN),
    ("tir", "call_llvm_intrin call_llvm_pure_intrin", _C_FUNCTION),
    ("tir", "call_cpacked", "write tir.call_packed"),
    ("tir", "ir_builder stmt_functor Schedule BlockScope", _LOOPS),
    ("tir", "For While Block Stmt Evaluate Store Allocate AttrStmt SeqStmt PrimFunc", _LOOPS),
    ("tir", "decl_buffer Buffer BufferLoad BufferStore", _BUFFERS),
    ("tir", "address_of tvm_access_ptr vscale", _BUFFERS),
    ("tir", "analysis transform usmp", _DRAWN),
    ("tir", "log1p", "write te.log(1 + x), which loses digits where x is small"),
    ("tir", "hypot", "write te.sqrt(x * x + y * y), which overflows where that square does"),
    ("tir", "copysign", "write te.if_then_else(y < 0, -te.abs(x), te.abs(x)); -0 counts as 0"),
    ("tir", "ldexp", "write x * te.power(2.0, n)"),
    ("tir", "nextafter reinterpret q_multiply_shift", "compute it with NumPy, on the arrays"),
    ("tir", "Add Sub Mul Div Mod FloorDiv FloorMod Let Broadcast Ramp Shuffle StringImm",
     "use Python's operators"),
    ("tir", "LT LE GT GE NE EQ", "use Python's operators; x.equal(y) and x != y"),
    ("tir", "And Or Not", "write te.all(x, y), te.any(x, y), and ~x"),
    ("tir", "Min Max", "write te.min(x, y), te.max(x, y)"),
    ("tir", "IntImm FloatImm", "write te.const(value, dtype)"),
    ("tir", "SizeVar", "write te.size_var(name)"),
    ("tir", "Layout layout bijective_layout", "declare the packed tensor as a te.compute"),
    ("tir", "asinh acosh atanh", _INVERSE),
    ("te", "asinh acosh atanh", _INVERSE),
    ("ir", "Range", "a range is a pair, (begin, end)"),
    ("ir", "save_json load_json assert_structural_equal structural_equal", "compare str(program)"),
    ("ir", "transform instrument", "stages of a build print by TEXPR_DEBUG=3"),
    ("", "build_config", "write tvm.transform.PassContext(config={…})"),
    ("transform", "module_pass Sequential Pass function_pass", _PASSES),
    ("target", "arm_cpu rasp mali intel_graphics riscv_cpu hexagon vta bifrost create Codegen",
     "write the target out, Target('llvm -mtriple=… -mcpu=…')"),
    ("target.Target", "attrs keys features thread_warp_size max_num_threads from_device",
     "texpr.Target has vector_bits, num_cores, l1d_bytes and the like; take target.texpr"),
    ("runtime", "vm profiling profiler_vm executor", _NETWORKS),
    ("runtime", "PackedFunc Object String", "functions and texts are Python's own here"),
    ("runtime.Module", "import_module", "a module is complete in itself; leave it out"),
    ("nd.NDArray", "handle is_view same_as", "take .numpy(), a NumPy array"),
    ("contrib", "tedd", _DRAWN),
    ("contrib", "clang nvcc ndk emcc xcode tar", _FILES),
    ("contrib", "graph_executor debugger graph_runtime pipeline_executor", _NETWORKS),
    ("contrib", "mkl mkldnn dnnl cublas cudnn rocblas mps nnpack", _LIBRARY),
    ("contrib", "thrust random sort cutlass", _LIBRARY),
    ("topi", "generic x86 arm_cpu cuda gpu mali hexagon bifrost", _SCHEDULES),
    ("topi", "image vision sparse testing random signal unique", _NETWORK_OPERATOR),
    ("topi.nn", "softmax conv2d conv2d_nchw conv2d_nhwc conv2d_hwcn dense matmul pad bias_add",
     _NETWORK_OPERATOR),
    ("testing", "requires_gpu requires_cuda requires_llvm main parameter", _PYTEST),
    ("testing", "parametrize_targets enabled_targets device_enabled", _PYTEST),
)  # fmt: skip

ADVICE: Final[Mapping[str, str]] = {
    f"{owner}.{name}".lstrip("."): advice
    for owner, names, advice in _GROUPS
    for name in names.split()
}
"""What to use instead, by the name below ``tvm``."""


def answer(path: str, known: Iterable[str] = ()) -> str:
    """Return what to say where ``path``, a name below ``tvm``, is missing.

    >>> answer("te.hybrid")
    'tvm.te.hybrid: texpr does not have it; write the loops as a function and put @texpr.kernel ...'
    """
    advice = ADVICE.get(path)
    if advice is not None:
        return f"tvm.{path}: texpr does not have it; {advice}"
    hint = did_you_mean(path.rpartition(".")[2], known)
    return (
        f"tvm.{path}: neither texpr nor its list of TVM's names has it"
        f"{hint or '; docs/coming-from-tvm.md lists what there is'}"
    )


def missing(owner: str, name: str, known: Iterable[str] = ()) -> AttributeError:
    """Return the error of a missing attribute ``name`` of ``owner``, a name below ``tvm``.

    Python asks many objects for names with underscores, and wants no advice.
    """
    if name.startswith("_"):
        return AttributeError(f"{owner or 'tvm'} has no attribute {name!r}")
    return UnsupportedError(answer(f"{owner}.{name}".lstrip("."), known))


def getattr_of(module: str, elsewhere: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module here, which answers for what the module lacks.

    Parameters
    ----------
    module : str
        Its ``__name__``.
    elsewhere : callable, optional
        Returns the attribute of a name that is found elsewhere, or raises AttributeError.
    """
    own = sys.modules[module]
    own.__path__ = getattr(own, "__path__", [])  # `from module import name` asks _Advisor, too

    def getattr_(name: str) -> Any:
        if elsewhere is not None:
            try:
                return elsewhere(name)
            except AttributeError:
                pass
        raise missing(_below_root(module), name, offered(own))

    return getattr_


def offered(module: ModuleType) -> list[str]:
    """Return the names that a module here offers."""
    listed = vars(module).get("__dir__")
    return sorted(listed() if listed else module.__all__)


def _below_root(module: str) -> str:
    return module.removeprefix(ROOT).lstrip(".")


class _Advisor(MetaPathFinder):
    """The last to be asked for a module: where one of ours is imported and there is none.

    Without it, ``from texpr.compat.tvm import relay`` says "cannot import name" and no more,
    for Python drops the AttributeError that has the advice.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        if fullname.startswith(f"{ROOT}.") and not name.startswith("_"):
            parent = sys.modules[fullname.rpartition(".")[0]]
            raise UnsupportedImportError(answer(_below_root(fullname), offered(parent)))
        return None


sys.meta_path.append(_Advisor())
