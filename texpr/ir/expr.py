"""Expressions: frozen, typed, hash-consed nodes, and the Python operators that build them.

Two expressions that say the same are the same object, so sharing is compared with ``is``;
``==`` builds a comparison, as ``<`` does. Nothing here recurses, so that a tree may be tens of
thousands of nodes deep.
"""

from __future__ import annotations

import math
import struct
import threading
import weakref
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Union

import numpy as np

from texpr.errors import DTypeError, shown
from texpr.ir.dtypes import BOOL, INT64, DType, as_dtype, dtype_of_python, is_numeric, promote
from texpr.ir.operators import BINARY, CALL, UNARY

if TYPE_CHECKING:
    from texpr.ir.buffer import Buffer
    from texpr.ir.extern import ScalarFunction
    from texpr.ir.intrinsic import Intrinsic

ExprLike: TypeAlias = Union["Expr", "ExprOperators", bool, int, float, "np.generic[Any]"]

Text: TypeAlias = tuple[str, int]
"""A printed expression and its precedence."""
NameOf: TypeAlias = Callable[[Any], str]
"""The printed name of a variable or buffer."""
ATOM = CALL

_interned: weakref.WeakValueDictionary[tuple[Any, ...], Expr] = weakref.WeakValueDictionary()
_interned_lock = threading.Lock()


class ExprOperators:
    """Python's operators on whatever can stand in an expression (:func:`as_expr` takes it)."""

    __slots__ = ()

    is_whole_tensor: ClassVar[bool] = False
    """Whether operators apply element by element, through ``elementwise``."""

    def __add__(self, other: ExprLike) -> Expr:
        return spread(binary, "add", self, other)

    def __radd__(self, other: ExprLike) -> Expr:
        return spread(binary, "add", other, self)

    def __sub__(self, other: ExprLike) -> Expr:
        return spread(binary, "sub", self, other)

    def __rsub__(self, other: ExprLike) -> Expr:
        return spread(binary, "sub", other, self)

    def __mul__(self, other: ExprLike) -> Expr:
        return spread(binary, "mul", self, other)

    def __rmul__(self, other: ExprLike) -> Expr:
        return spread(binary, "mul", other, self)

    def __truediv__(self, other: ExprLike) -> Expr:
        return spread(binary, "div", self, other)

    def __rtruediv__(self, other: ExprLike) -> Expr:
        return spread(binary, "div", other, self)

    def __floordiv__(self, other: ExprLike) -> Expr:
        return spread(binary, "floordiv", self, other)

    def __rfloordiv__(self, other: ExprLike) -> Expr:
        return spread(binary, "floordiv", other, self)

    def __mod__(self, other: ExprLike) -> Expr:
        return spread(binary, "floormod", self, other)

    def __rmod__(self, other: ExprLike) -> Expr:
        return spread(binary, "floormod", other, self)

    def __lshift__(self, other: ExprLike) -> Expr:
        return spread(binary, "shl", self, other)

    def __rlshift__(self, other: ExprLike) -> Expr:
        return spread(binary, "shl", other, self)

    def __rshift__(self, other: ExprLike) -> Expr:
        return spread(binary, "shr", self, other)

    def __rrshift__(self, other: ExprLike) -> Expr:
        return spread(binary, "shr", other, self)

    def __and__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitand", self, other)

    def __rand__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitand", other, self)

    def __or__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitor", self, other)

    def __ror__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitor", other, self)

    def __xor__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitxor", self, other)

    def __rxor__(self, other: ExprLike) -> Expr:
        return spread(binary, "bitxor", other, self)

    def __pow__(self, other: ExprLike) -> Expr:
        return spread(power, "pow", self, other)

    def __rpow__(self, other: ExprLike) -> Expr:
        return spread(power, "pow", other, self)

    def __lt__(self, other: ExprLike) -> Expr:
        return spread(binary, "lt", self, other)

    def __le__(self, other: ExprLike) -> Expr:
        return spread(binary, "le", self, other)

    def __gt__(self, other: ExprLike) -> Expr:
        return spread(binary, "gt", self, other)

    def __ge__(self, other: ExprLike) -> Expr:
        return spread(binary, "ge", self, other)

    def __neg__(self) -> Expr:
        return spread(unary, "neg", self)

    def __pos__(self) -> Expr:
        return as_expr(self)

    def __invert__(self) -> Expr:
        return spread(unary, "invert", self)

    def __abs__(self) -> Expr:
        return spread(unary, "abs", self)

    def equal(self, other: ExprLike) -> Expr:
        """``self == other`` as an expression (TVM's spelling)."""
        return spread(binary, "eq", self, other)

    def astype(self, dtype: object) -> Expr:
        """Convert to ``dtype``; :class:`Cast` says how values out of range end up."""
        to = as_dtype(dtype)
        return spread(lambda _, x: cast(x, to), "astype", self)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **keywords: object
    ) -> Expr:
        """Take over the operators of NumPy's scalars, ``np.float32(2) * x``; refuse all else."""
        op = _OPERATOR_OF_UFUNC.get(ufunc.__name__)
        if op is None or method != "__call__" or keywords:
            name = ufunc.__name__
            raise DTypeError(
                f"np.{name}: {self} is an expression and has no value yet; "
                f"call te's function, such as te.{_TE_NAME.get(name, name)}, in place of NumPy's"
            )
        # NumPy passes its scalars to comparisons as arrays of rank 0.
        scalars = (x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in inputs)
        return spread(power if op == "pow" else binary, op, *scalars)

    def __bool__(self) -> bool:
        raise DTypeError(
            f"truth value: {self} is an expression and has no value yet; "
            f"write te.if_then_else(condition, a, b) for a choice and te.all / te.any for and / or"
        )

    def __index__(self) -> int:
        raise DTypeError(
            f"integer: {self} is an expression and has no value yet; "
            f"a Python int is needed here (for a loop over a symbolic extent, declare an axis)"
        )

    def __iter__(self) -> Any:
        raise DTypeError(f"iteration: {self} is one scalar expression; index it no further")


_OPERATOR_OF_UFUNC = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "floor_divide": "floordiv",
    "remainder": "floormod", "power": "pow", "left_shift": "shl", "right_shift": "shr",
    "bitwise_and": "bitand", "bitwise_or": "bitor", "bitwise_xor": "bitxor",
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
    "equal": "eq", "not_equal": "ne",
}  # fmt: skip
"""NumPy's functions behind Python's operators, and ours."""

_TE_NAME = {
    "maximum": "max", "minimum": "min", "absolute": "abs", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "arctan2": "atan2", "rint": "round", "where": "select",
    "logical_and": "all", "logical_or": "any",
}  # fmt: skip
"""Where te's name for a function is not NumPy's."""


class Expr(ExprOperators):
    """A node of an expression: its ``dtype``, its ``children``, and what the subclass adds."""

    __slots__ = ("__weakref__", "_vars", "children", "dtype")

    dtype: DType
    children: tuple[Expr, ...]
    kind: ClassVar[str]
    _vars: tuple[Var, ...]  # see _vars_of

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def rebuild(self, children: Sequence[Expr]) -> Expr:
        """Return this node over other children of the same types."""
        raise TypeError(f"{type(self).__name__} has no children")

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        """Return this node's text and precedence, given those of its children."""
        raise TypeError(f"{type(self).__name__} does not print")

    # `==` builds a comparison, so identity is the only sensible hash.
    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return spread(binary, "eq", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return spread(binary, "ne", self, other)

    __hash__ = object.__hash__

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: object) -> Expr:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_from_table, (_to_table(self),))

    def __str__(self) -> str:
        return expr_text(self)

    def __repr__(self) -> str:
        return f"<{self.dtype} {self}>"


def _node(cls: type[Any], dtype: DType, children: tuple[Expr, ...], **fields: object) -> Any:
    new = object.__new__(cls)
    put = object.__setattr__
    put(new, "dtype", dtype)
    put(new, "children", children)
    for name, value in fields.items():
        put(new, name, value)
    return new


def _intern(
    cls: type[Any],
    key: tuple[Any, ...],
    dtype: DType,
    children: tuple[Expr, ...],
    **fields: object,
) -> Any:
    key = (cls, dtype.name, *key, *map(id, children))
    found = _interned.get(key)
    if found is None:
        with _interned_lock:
            found = _interned.setdefault(key, _node(cls, dtype, children, **fields))
    return found


class Const(Expr):
    """A number or bool of a given type; ``Const(1)``, ``Const(1.0)`` and ``Const(True)`` differ.

    The interning key is (type, bits): 0.0 and -0.0 are two constants, NaN is one.
    """

    __slots__ = ("value",)
    value: bool | int | float

    def __new__(cls, value: bool | int | float, dtype: DType) -> Const:
        value = dtype.canonical(value)
        key = struct.pack("<d", value) if isinstance(value, float) else value
        found: Const = _intern(cls, (key,), dtype, (), value=value)
        return found

    def __index__(self) -> int:
        return int(self.value) if self.dtype.is_integer else super().__index__()

    def __bool__(self) -> bool:
        return bool(self.value)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        if self.dtype.is_float:
            value = float(self.value)
            if not math.isfinite(value):
                return ("-inf" if value < 0 else str(value)), (
                    UNARY["neg"].precedence if value < 0 else ATOM
                )
            return _shortest(value, self.dtype), (
                ATOM if math.copysign(1, value) > 0 else UNARY["neg"].precedence
            )
        return str(self.value), (ATOM if self.value >= 0 else UNARY["neg"].precedence)


def _shortest(value: float, dtype: DType) -> str:
    """Return the fewest digits that ``dtype`` reads as ``value``: 0.1 of a bfloat16, too."""
    for digits in range(1, 17):
        text = f"{value:.{digits}g}"
        if dtype.canonical(float(text)) == value:
            return str(float(text))
    return str(value)


class Var(Expr):
    """A scalar that has a value at run time; every ``Var`` made is another variable.

    ``is_size`` promises that the value is not negative; the call checks it. ``is_axis`` marks the
    variable of an axis, which has a value only where the axis runs.
    """

    __slots__ = ("is_axis", "is_size", "name")
    name: str
    is_size: bool
    is_axis: bool

    def __new__(
        cls, name: str, dtype: DType = INT64, *, is_size: bool = False, is_axis: bool = False
    ) -> Var:
        new: Var = _node(cls, dtype, (), name=name, is_size=is_size, is_axis=is_axis)
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        return (_make_var, (self.name, self.dtype, self.is_size, self.is_axis))

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        return name_of(self), ATOM


def _make_var(name: str, dtype: DType, is_size: bool, is_axis: bool) -> Var:
    return Var(name, dtype, is_size=is_size, is_axis=is_axis)


class Load(Expr):
    """The element of ``buffer`` at int64 ``indices``; an index outside the buffer is an error."""

    __slots__ = ("buffer",)
    buffer: Buffer

    def __new__(cls, buffer: Buffer, indices: Sequence[Expr]) -> Load:
        found: Load = _intern(cls, (id(buffer),), buffer.dtype, tuple(indices), buffer=buffer)
        return found

    @property
    def indices(self) -> tuple[Expr, ...]:
        return self.children

    def rebuild(self, children: Sequence[Expr]) -> Load:
        return Load(self.buffer, children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        return f"{name_of(self.buffer)}[{', '.join(part for part, _ in parts) or '()'}]", ATOM


class Unary(Expr):
    """An operator of one operand (``texpr.ir.operators.UNARY``)."""

    __slots__ = ("op",)
    op: str

    def __new__(cls, op: str, operand: Expr) -> Unary:
        found: Unary = _intern(cls, (op,), operand.dtype, (operand,), op=op)
        return found

    @property
    def operand(self) -> Expr:
        return self.children[0]

    def rebuild(self, children: Sequence[Expr]) -> Unary:
        return Unary(self.op, *children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        operator = UNARY[self.op]
        if operator.is_function:
            return call_text(operator.symbol, parts), ATOM
        space = " " if operator.symbol.isidentifier() else ""
        return operator.symbol + space + wrapped(parts[0], operator.precedence), operator.precedence


_COMPARE = {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge}


class Binary(Expr):
    """An operator of two operands of one type (``texpr.ir.operators.BINARY``)."""

    __slots__ = ("op",)
    op: str

    def __new__(cls, op: str, a: Expr, b: Expr) -> Binary:
        dtype = BOOL if BINARY[op].is_comparison else a.dtype
        found: Binary = _intern(cls, (op,), dtype, (a, b), op=op)
        return found

    def __bool__(self) -> bool:
        """Two constants compare as their values do, so that ``if A.shape[0] == 4`` works."""
        if (
            BINARY[self.op].is_comparison
            and isinstance(self.a, Const)
            and isinstance(self.b, Const)
        ):
            return bool(_COMPARE[self.op](self.a.value, self.b.value))
        return super().__bool__()

    @property
    def a(self) -> Expr:
        return self.children[0]

    @property
    def b(self) -> Expr:
        return self.children[1]

    def rebuild(self, children: Sequence[Expr]) -> Binary:
        return Binary(self.op, *children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        operator = BINARY[self.op]
        if operator.is_function:
            return call_text(operator.symbol, parts), ATOM
        level = operator.precedence
        # Comparisons would chain and ** is right-associative, so their left sides are wrapped too.
        left = wrapped(parts[0], level + (operator.is_comparison or self.op == "pow"))
        right = wrapped(parts[1], level + 1)
        gap = "" if level > BINARY["add"].precedence else " "
        return f"{left}{gap}{operator.symbol}{gap}{right}", level


class Select(Expr):
    """``a if condition else b`` with both sides evaluated: both must be in bounds."""

    __slots__ = ()

    def __new__(cls, condition: Expr, a: Expr, b: Expr) -> Select:
        found: Select = _intern(cls, (), a.dtype, (condition, a, b))
        return found

    def rebuild(self, children: Sequence[Expr]) -> Select:
        return Select(*children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        return call_text("select", parts), ATOM


class IfThenElse(Expr):
    """``a if condition else b`` with only the chosen side evaluated: it guards an access."""

    __slots__ = ()

    def __new__(cls, condition: Expr, a: Expr, b: Expr) -> IfThenElse:
        found: IfThenElse = _intern(cls, (), a.dtype, (condition, a, b))
        return found

    def rebuild(self, children: Sequence[Expr]) -> IfThenElse:
        return IfThenElse(*children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        test, then, other = (wrapped(part, 1) for part in parts)
        return f"{then} if {test} else {other}", 0


class Cast(Expr):
    """The operand converted to ``dtype``.

    Integers wrap; float to integer truncates, saturates at the type's ends and takes NaN to 0;
    to bool is ``x != 0``; to a float rounds once, to nearest even, and overflows to infinity.
    """

    __slots__ = ()

    def __new__(cls, operand: Expr, dtype: DType) -> Cast:
        found: Cast = _intern(cls, (), dtype, (operand,))
        return found

    @property
    def operand(self) -> Expr:
        return self.children[0]

    def rebuild(self, children: Sequence[Expr]) -> Cast:
        return Cast(children[0], self.dtype)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        return call_text(self.dtype.name, parts), ATOM


class Call(Expr):
    """A scalar function of operands: one of ``texpr.ir.intrinsics``, or one from outside.

    An intrinsic takes operands of one type. A function from outside is called only where its
    value is needed.
    """

    __slots__ = ("function",)
    function: Intrinsic | ScalarFunction

    def __new__(cls, function: Intrinsic | ScalarFunction, args: Sequence[Expr]) -> Call:
        dtype = function.result_dtype(args[0].dtype)
        found: Call = _intern(cls, (id(function),), dtype, tuple(args), function=function)
        return found

    @property
    def args(self) -> tuple[Expr, ...]:
        return self.children

    def rebuild(self, children: Sequence[Expr]) -> Call:
        return Call(self.function, children)

    def text(self, parts: Sequence[Text], name_of: NameOf) -> Text:
        return call_text(self.function.name, parts), ATOM


# ---------------------------------------------------------------- walking, printing, pickling


def postorder(root: Expr) -> list[Expr]:
    """Return every node below ``root`` once, children before parents, ``root`` last."""
    order: list[Expr] = []
    seen: set[int] = set()
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children))
    return order


def free_vars(*roots: Expr) -> list[Var]:
    """Return the variables of the expressions, each once, in order of appearance."""
    if len(roots) == 1:
        return list(_vars_of(roots[0]))
    return list(dict.fromkeys(var for root in roots for var in _vars_of(root)))


def _vars_of(root: Expr) -> tuple[Var, ...]:
    """Return the variables of ``root``, which keeps them: nodes never change."""
    if isinstance(root, Var):
        return (root,)
    if not root.children:
        return ()
    try:
        return root._vars
    except AttributeError:
        found = tuple(node for node in postorder(root) if isinstance(node, Var))
        object.__setattr__(root, "_vars", found)
        return found


def own_name(thing: Var | Buffer) -> str:
    """The name that a variable or buffer was declared with."""
    return thing.name


def expr_text(root: Expr, name_of: NameOf = own_name) -> str:
    """Return ``root`` in Python's syntax, with as few parentheses as it needs."""
    texts: dict[int, Text] = {}
    for node in postorder(root):
        texts[id(node)] = node.text([texts[id(child)] for child in node.children], name_of)
    return texts[id(root)][0]


def wrapped(part: Text, precedence: int) -> str:
    """Return the text of ``part``, in parentheses where it binds less tightly."""
    text, own = part
    return text if own >= precedence else f"({text})"


def call_text(function: str, parts: Sequence[Text]) -> str:
    """Return the text of a call."""
    return f"{function}({', '.join(part for part, _ in parts)})"


def _to_table(root: Expr) -> list[tuple[Any, ...]]:
    """Return the tree as rows (class, type, own fields, children): pickle must not recurse."""
    rows: list[tuple[Any, ...]] = []
    row_of: dict[int, int] = {}
    for node in postorder(root):
        row_of[id(node)] = len(rows)
        if isinstance(node, Var):
            rows.append((node,))
        else:
            own = tuple(getattr(node, slot) for slot in type(node).__slots__)
            rows.append((type(node), node.dtype, own, [row_of[id(c)] for c in node.children]))
    return rows


def _from_table(rows: list[tuple[Any, ...]]) -> Expr:
    nodes: list[Expr] = []
    for row in rows:
        if len(row) == 1:
            nodes.append(row[0])
            continue
        cls, dtype, own, below = row
        children = [nodes[index] for index in below]
        if cls is Const:
            nodes.append(Const(own[0], dtype))
        elif cls is Cast:
            nodes.append(Cast(children[0], dtype))
        elif cls in (Load, Call):
            nodes.append(cls(*own, children))
        else:
            nodes.append(cls(*own, *children))
    return nodes[-1]


EXPR_NODES: tuple[type[Expr], ...] = (
    Const, Var, Load, Unary, Binary, Select, IfThenElse, Cast, Call,
)  # fmt: skip


# ---------------------------------------------------------------- building with types checked


def as_expr(value: object, like: DType | None = None) -> Expr:
    """Return ``value`` as an expression; a Python scalar takes the type of its neighbour ``like``.

    Raises
    ------
    DTypeError
        ``value`` is neither a scalar nor an expression.
    """
    if isinstance(value, Expr):
        return value
    convert: Callable[[], Expr] | None = getattr(value, "__as_expr__", None)
    if convert is not None:
        return convert()
    # First the NumPy scalars, which are strong: np.float64 is a Python float as well.
    if isinstance(value, np.generic) and is_numeric(value.dtype):
        return Const(value.item(), as_dtype(value.dtype))
    if isinstance(value, (bool, int, float)):
        return Const(value, dtype_of_python(value, like))
    raise DTypeError(
        f"expression: {shown(value)} ({type(value).__name__}) is neither a number nor an "
        f"expression; pass a Python number, a te.var, an axis or an element such as A[i, j]"
    )


def const(value: bool | int | float, dtype: object = INT64) -> Const:
    """Return a constant of ``dtype``.

    Raises
    ------
    DTypeError
        The value does not fit.

    >>> const(3, "int8") is const(3, "int8")
    True
    """
    kind = as_dtype(dtype)
    if not isinstance(value, (bool, int, float, np.generic)):
        raise DTypeError(f"const: {value!r} is not a number")
    number = value.item() if isinstance(value, np.generic) else value
    if kind.is_integer:
        if isinstance(number, float) and not number.is_integer():
            raise DTypeError(f"const: {number} is not an integer; pass a float type or round it")
        dtype_of_python(int(number), kind)
    elif isinstance(number, int):
        dtype_of_python(number, kind)
    return Const(number, kind)


def _text(value: object) -> str:
    return str(value) if isinstance(value, (Expr, int, float, bool)) else repr(value)


def operands_of(
    values: Sequence[object], operand_dtype: Callable[[DType], DType] | None = None
) -> list[Expr]:
    """Convert ``values`` to expressions of one type, Python scalars weakly.

    ``operand_dtype`` returns the type that is wanted where the values meet in a given one, for
    example float32 where they are float16 and computed with.
    """
    typed = [
        None
        if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)
        else as_expr(value)
        for value in values
    ]
    like: DType | None = None
    for operand in typed:
        if operand is not None:
            like = operand.dtype if like is None else promote(like, operand.dtype)
    if like is not None and operand_dtype is not None:
        like = operand_dtype(like)
    operands = []
    for value, operand in zip(values, typed, strict=True):
        operands.append(as_expr(value, like) if operand is None else operand)
    common = operands[0].dtype
    for operand in operands[1:]:
        common = promote(common, operand.dtype)
    if operand_dtype is not None:
        common = operand_dtype(common)
    return [cast(operand, common) for operand in operands]


def spread(function: Callable[..., Expr], name: str, *operands: Any) -> Expr:
    """Return ``function(name, *operands)``, element by element where one is a whole tensor."""
    for operand in operands:
        if isinstance(operand, ExprOperators) and operand.is_whole_tensor:
            spread_over: Callable[..., Expr] = operand.elementwise  # type: ignore[attr-defined]
            return spread_over(function, name, operands)
    return function(name, *operands)


def binary(op: str, a: object, b: object) -> Expr:
    """Build ``a op b`` with both operands promoted to one type.

    Raises
    ------
    DTypeError
        The operator does not take operands of that type.
    """
    operator = BINARY[op]
    x, y = operands_of((a, b), operator.operand_dtype)
    if not operator.takes(x.dtype):
        raise _wrong_kind(op, operator.symbol, x.dtype, f"{_text(a)} {operator.symbol} {_text(b)}")
    return Binary(op, x, y)


def unary(op: str, a: object) -> Expr:
    """Build ``op a``; raises DTypeError where the operator does not take the operand's type."""
    x = as_expr(a)
    operator = UNARY[op]
    if not operator.takes(x.dtype):
        raise _wrong_kind(op, operator.symbol, x.dtype, f"{operator.symbol} {x}")
    return Unary(op, x)


def _wrong_kind(op: str, symbol: str, dtype: DType, text: str) -> DTypeError:
    if op == "div" and dtype.is_integer:
        hint = (
            "ambiguous division of integers: write // or te.truncdiv for an integer result, "
            "or cast to a float first, x.astype('float32')"
        )
    elif op == "pow" and dtype.is_integer:
        hint = "cast to a float first, x.astype('float32'), or use an exponent from 0 to 8"
    elif op in ("and", "or", "not"):
        hint = "compare first, x != 0, to make a bool"
    elif dtype.is_bool:
        hint = "cast the bools to a number first, or combine them with &, | and ~"
    else:
        hint = "cast to an integer first, x.astype('int32')"
    return DTypeError(f"{symbol}: {text} has operands of {dtype}; {hint}")


def cast(value: object, dtype: object) -> Expr:
    """Convert ``value`` to ``dtype``; constants are converted on the spot."""
    x, to = as_expr(value), as_dtype(dtype)
    if x.dtype is to:
        return x
    if isinstance(x, Const) and not (x.dtype.is_float and not to.is_float):
        return Const(x.value, to)
    return Cast(x, to)


def widened(value: object, dtype: DType, what: str) -> Expr:
    """Convert ``value`` to ``dtype`` where that is the wider type of the two.

    Raises
    ------
    DTypeError
        It is not.
    """
    x = as_expr(value, dtype)
    wider = promote(x.dtype, dtype)
    if wider is not dtype:
        raise DTypeError(
            f"{what}: {_text(x)} is {x.dtype} and dtype={dtype.name!r} does not hold its values; "
            f"pass {wider.arithmetic.name!r}, or cast it first, x.astype({dtype.name!r})"
        )
    return cast(x, dtype)


def condition(value: object, what: str) -> Expr:
    """Return ``value`` as a bool expression.

    Raises
    ------
    DTypeError
        It is not a bool.
    """
    x = as_expr(value)
    if not x.dtype.is_bool:
        raise DTypeError(
            f"{what}: the condition {x} is {x.dtype}; write {x} != 0 to make it a bool"
        )
    return x


def power(name: str, base: object, exponent: object) -> Expr:
    """``base ** exponent``: by multiplication where the exponent is a small Python int >= 0.

    Raises
    ------
    DTypeError
        An integer base with any other exponent.
    """
    if isinstance(exponent, int) and not isinstance(exponent, bool) and 0 <= exponent <= 8:
        x = as_expr(base)
        if x.dtype.is_bool:
            raise _wrong_kind("pow", "**", x.dtype, f"{x} ** {exponent}")
        x = cast(x, BINARY["pow"].operand_dtype(x.dtype))
        result: Expr | None = None
        square = x
        while exponent:  # square and multiply: at most 2 log2(exponent) products
            if exponent & 1:
                result = square if result is None else Binary("mul", result, square)
            exponent >>= 1
            if exponent:
                square = Binary("mul", square, square)
        return Const(1, x.dtype) if result is None else result
    return binary(name, base, exponent)


def as_index(value: object, what: str) -> Expr:
    """Return ``value`` as an int64 subscript or extent.

    Raises
    ------
    DTypeError
        It is not an integer.
    """
    x = as_expr(value)
    if not x.dtype.is_integer:
        raise DTypeError(
            f"{what}: {x} is {x.dtype}, not an integer; cast it first, x.astype('int64')"
        )
    return cast(x, INT64)


def int_value(expr: object) -> int | None:
    """Return the value of an integer constant, else None."""
    if isinstance(expr, Const) and expr.dtype.is_integer:
        return int(expr.value)
    return None


def is_const(expr: Expr, value: int) -> bool:
    """Whether ``expr`` is the integer constant ``value``."""
    return int_value(expr) == value
