"""What tensor expressions use of ``tvm.ir``."""

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.driver import IRModule
from texpr.compat.tvm.intrinsics import Op, register_intrin_lowering, register_op_attr
from texpr.compat.tvm.transform import PassContext
from texpr.ir.expr import Expr as PrimExpr

__all__ = [
    "IRModule",
    "Op",
    "PassContext",
    "PrimExpr",
    "register_intrin_lowering",
    "register_op_attr",
]

__getattr__ = getattr_of(__name__)
