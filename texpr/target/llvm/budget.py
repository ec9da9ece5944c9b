"""The budget of threads that all kernels of a process share, as machine code takes from it.

:mod:`texpr.target.threads` has the two numbers.
"""

from __future__ import annotations

from llvmlite import ir

from texpr.target.llvm.types import I64, PTR, internal, intrinsic
from texpr.target.threads import BUDGET


def _budget(build: ir.IRBuilder) -> tuple[ir.Value, ir.Value]:
    """The places of the two numbers: threads there may be, threads at work."""
    module = build.module
    both = module.globals.get(BUDGET)
    if both is None:
        both = ir.GlobalVariable(module, ir.ArrayType(I64, 2), BUDGET)
        both.type = PTR  # llvmlite would have it typed
    return both, build.gep(both, [ir.Constant(I64, 1)], source_etype=I64)


def claim(module: ir.Module) -> ir.Function:
    """The function that takes up to ``most`` threads from the budget and returns how many.

    The caller is one of them, and runs in any case. Where there is no use for a second it is not
    counted, and 0 is returned.
    """
    function = internal(module, "texpr.claim", I64, [I64])
    if function.blocks:
        return function
    (most,) = function.args
    build = ir.IRBuilder(function.append_basic_block())
    one = ir.Constant(I64, 1)
    with build.if_then(build.icmp_signed("<=", most, one)):
        build.ret(ir.Constant(I64, 0))
    budget, at_work = _budget(build)
    limit = build.load_atomic(budget, "monotonic", 8, typ=I64)
    first = build.load_atomic(at_work, "monotonic", 8, typ=I64)
    start, again = build.block, build.append_basic_block("again")
    done = build.append_basic_block("done")
    build.branch(again)
    build.position_at_end(again)
    now = build.phi(I64)
    now.add_incoming(first, start)
    free = intrinsic(build, "llvm.smin", [build.sub(limit, now), most], [I64], I64)
    granted = intrinsic(build, "llvm.smax", [free, one], [I64], I64)
    result = build.cmpxchg(at_work, now, build.add(now, granted), "monotonic")
    now.add_incoming(build.extract_value(result, 0), again)
    build.cbranch(build.extract_value(result, 1), done, again)
    build.position_at_end(done)
    build.ret(granted)
    return function


def release(module: ir.Module) -> ir.Function:
    """The function that gives back what was claimed."""
    function = internal(module, "texpr.release", ir.VoidType(), [I64])
    if function.blocks:
        return function
    (granted,) = function.args
    build = ir.IRBuilder(function.append_basic_block())
    claimed = build.icmp_signed("!=", granted, ir.Constant(I64, 0))
    with build.if_then(claimed):
        _, at_work = _budget(build)
        build.atomic_rmw("sub", at_work, granted, "monotonic")
    build.ret_void()
    return function
