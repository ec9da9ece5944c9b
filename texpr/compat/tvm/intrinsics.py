"""Intrinsics of a program's own: functions of expressions that are found by a name.

TVM lowers such a call by a rule of the target. There is one machine here, so a rule is applied
where the call is declared, whatever target it was registered for.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from texpr import te
from texpr.compat.tvm import stand_in
from texpr.errors import ArgumentError, DTypeError, TexprError, TexprWarning, did_you_mean, shown
from texpr.ir.dtypes import DType, as_dtype
from texpr.ir.expr import Expr, as_expr

_PREFIX = "tir."


@dataclass(frozen=True)
class Op:
    """The name of an intrinsic."""

    name: str


@dataclass(frozen=True)
class Call:
    """A call of an intrinsic, as a rule gets it."""

    op: Op
    dtype: DType
    args: tuple[Expr, ...]


Rule = Callable[[Call], Any]


@dataclass(frozen=True)
class _Registered:
    rule: Rule
    target: str
    level: int

    @property
    def rank(self) -> tuple[bool, int]:
        """The greater, the sooner it is asked: rules for CPUs come first."""
        return self.target not in stand_in.KINDS, self.level


_RULES: dict[str, list[_Registered]] = {}


class CallEffectKind(enum.Enum):
    """What a call does beside returning a value; here, nothing."""

    Pure = "pure"
    ReadState = "read_state"
    UpdateState = "update_state"
    Opaque = "opaque"


class UnusedRuleWarning(TexprWarning):
    """A rule was registered for a function that texpr computes itself."""


def register_op_attr(op_name: str, attr_key: str, value: Any = None, level: int = 10) -> None:
    """Declare an intrinsic, which has no attribute here but that it is pure.

    Raises
    ------
    TexprError
        Another attribute, or another effect.
    """
    if attr_key != "TCallEffectKind" or value is not CallEffectKind.Pure:
        raise TexprError(
            f"register_op_attr: {attr_key!r} of {op_name!r} is {shown(value)}; an intrinsic here "
            f"is an expression, and pure, leave it out"
        )


def register_intrin_lowering(
    op_name: str, target: str, *, f: Rule | None = None, level: int = 10
) -> Any:
    """Register a rule that turns a call of an intrinsic into an expression; a decorator without f.

    Parameters
    ----------
    op_name : str
        The intrinsic, ``"tir.mylog"``.
    target : str
        The target of the rule; those of CPUs are asked first, and then any.
    f : callable
        Takes a :class:`Call` and returns an expression, or the call itself to pass it on.
    level : int
        Of several rules, the one of the greatest level is asked first.
    """
    if f is None:
        return lambda rule: register_intrin_lowering(op_name, target, f=rule, level=level)
    if _own(op_name) is not None:
        warnings.warn(
            f"register_intrin_lowering: texpr computes {op_name!r} itself, and the rule is asked "
            f"for calls of tir.call_intrin only",
            UnusedRuleWarning,
            stacklevel=2,
        )
    _RULES.setdefault(op_name, []).append(_Registered(f, target, level))
    return f


def call_intrin(dtype: object, func_name: str, *args: Any) -> Expr:
    """Call an intrinsic by its name.

    Parameters
    ----------
    dtype : str or DType
        The type that it returns.
    func_name : str
        ``"tir.exp"``, or one with a rule.
    *args : Expr
        The arguments.

    Raises
    ------
    ArgumentError
        There is no function and no rule of that name, or no rule took the call.
    DTypeError
        The rule returned something else than an expression of that type.

    >>> call_intrin("float64", "tir.exp", te.var("x", "float64"))
    <float64 exp(x)>
    """
    call = Call(Op(func_name), as_dtype(dtype), tuple(map(as_expr, args)))
    for registered in sorted(_RULES.get(func_name, ()), key=lambda one: one.rank, reverse=True):
        made = registered.rule(call)
        if made is not call:
            return _checked(made, call)
    own = _own(func_name)
    if own is None:
        near = did_you_mean(func_name.removeprefix(_PREFIX), te.__all__)
        raise ArgumentError(
            f"call_intrin: no rule turns {func_name!r} into an expression"
            f"{near or '; register one by tvm.ir.register_intrin_lowering'}"
        )
    return _checked(own(*call.args), call)


def _own(op_name: str) -> Any:
    name = op_name.removeprefix(_PREFIX)
    return getattr(te, name) if name in te.__all__ and name != op_name else None


def _checked(made: Any, call: Call) -> Expr:
    if not isinstance(made, Expr) or made.dtype is not call.dtype:
        raise DTypeError(
            f"call_intrin: the rule of {call.op.name!r} returns {shown(made)} where an expression "
            f"of {call.dtype} is wanted; return one, cast by .astype('{call.dtype}')"
        )
    return made
