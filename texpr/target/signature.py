"""What a compiled program takes, and what a call must check.

The sizes that occur in the shapes follow from the arrays: a size ``n`` that is an extent by
itself is read off there, else ``2*n + 1`` is solved for it. Both readers of a signature, the
machine code of a call (``texpr.target.llvm.entry``) and the Python that explains what is wrong
with one (``texpr.target.arguments``), check the same things in the same order.

The machine code of a program is one function::

    i64 symbol(<args>, <sizes>, <strides>, ptr error)

with a pointer for every array and the value of every scalar (a bool as 8 bits) in the order of
``Program.args``; 64 bits for each of ``Program.sizes``; in the strided flavours, for each of
``Program.buffers``, 64 bits for each of its strides that is not 1, in elements; and a place for 4
times 64 bits that say more about an error: site, index, extent, dimension. It returns one of the
statuses below. Python calls the function ``ENTRY``; where Python has checked the arguments itself
it calls ``TRUSTED_ENTRY``, which only code of a strided flavour has.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from texpr.errors import LoweringError
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import (
    Binary,
    Cast,
    Const,
    Expr,
    Load,
    NameOf,
    Unary,
    Var,
    binary,
    cast,
    expr_text,
    free_vars,
    postorder,
)
from texpr.ir.printer import Names
from texpr.ir.program import Block, Program, Stmt, stmts

DONE = 0
OUT_OF_BOUNDS = 1
OUT_OF_MEMORY = 2
CALLBACK_FAILED = 3
"""A Python function raised; the first detail is the number under which the exception is kept."""

ENTRY = "texpr.entry"
TRUSTED_ENTRY = "texpr.entry.trusted"


@dataclass(frozen=True, eq=False)
class Parameter:
    """One argument: an array, or a scalar with an empty shape."""

    name: str
    dtype: DType
    kind: Literal["array", "scalar"]
    shape: tuple[Expr, ...]
    source: Buffer | Var
    is_output: bool = False
    """Whether the program writes it."""
    is_fresh: bool = False
    """Whether it is an output whose contents before the call do not matter."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def is_array(self) -> bool:
        return self.kind == "array"


@dataclass(frozen=True, eq=False)
class Size:
    """A size that follows from the extent ``dimension`` of the array ``parameter``.

    ``value``, an int64, computes it from ``extent``, which stands for that extent, and from sizes
    and scalars that come before it.
    """

    var: Var
    parameter: int
    dimension: int
    extent: Var
    value: Expr

    @property
    def is_plain(self) -> bool:
        """Whether the extent is the size."""
        return self.value is self.extent


@dataclass(frozen=True, eq=False)
class Extent:
    """The demand that the array ``parameter`` has ``expected`` elements along ``dimension``."""

    parameter: int
    dimension: int
    expected: Expr


@dataclass(frozen=True, eq=False, repr=False)
class Signature:
    """The parameters of a compiled program, and what a call checks.

    ``sizes`` are in an order in which they can be computed; the extents to check, after them,
    leave out those that hold by construction.
    """

    name: str
    parameters: tuple[Parameter, ...]
    sizes: tuple[Size, ...]
    size_vars: tuple[Var, ...]
    """The variables of the sizes in the order in which compiled code takes them."""
    extents: tuple[Extent, ...]
    requirements: tuple[Expr, ...]
    name_of: NameOf
    """The names of the parameters and sizes, numbered where two are alike."""

    @staticmethod
    def of(program: Program, fresh: Collection[Buffer] | None = None) -> Signature:
        """Return the signature of ``program``.

        Parameters
        ----------
        program : Program
        fresh : collection of Buffer, optional
            The outputs that the program fills before it reads them; a call that leaves them out
            gets new ones. By default, those that no statement reads before one writes, which
            trusts the program to fill them.

        Raises
        ------
        LoweringError
            A size follows from no array.
        """
        outputs = set(map(id, program.outputs))
        filled = set(map(id, written_before_read(program) if fresh is None else fresh))
        parameters = []
        names = Names()
        for arg in program.args:
            name = names(arg)
            if isinstance(arg, Buffer):
                is_output = id(arg) in outputs
                is_fresh = is_output and id(arg) in filled
                parameters.append(
                    Parameter(name, arg.dtype, "array", arg.shape, arg, is_output, is_fresh)
                )
            else:
                parameters.append(Parameter(name, arg.dtype, "scalar", (), arg))
        sizes = _solve_sizes(program, parameters)
        given = {(size.parameter, size.dimension) for size in sizes if size.is_plain}
        extents = tuple(
            Extent(position, dimension, expected)
            for position, dimension, expected in _all_extents(parameters)
            if (position, dimension) not in given
        )
        for var in program.sizes:
            names(var)
        return Signature(
            name=program.name,
            parameters=tuple(parameters),
            sizes=sizes,
            size_vars=program.sizes,
            extents=extents,
            requirements=program.requirements,
            name_of=names,
        )

    @property
    def arrays(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.is_array)

    @property
    def outputs(self) -> tuple[Parameter, ...]:
        """The arrays that the program writes."""
        return tuple(parameter for parameter in self.parameters if parameter.is_output)

    @cached_property
    def fresh(self) -> tuple[Parameter, ...]:
        """The outputs that a call may leave out."""
        return tuple(parameter for parameter in self.parameters if parameter.is_fresh)

    @cached_property
    def required(self) -> tuple[Parameter, ...]:
        """What a call must pass: everything but the fresh outputs."""
        return tuple(parameter for parameter in self.parameters if not parameter.is_fresh)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each parameter by its name."""
        return {parameter.name: place for place, parameter in enumerate(self.parameters)}

    @cached_property
    def required_places(self) -> tuple[int, ...]:
        """The places of what a call must pass."""
        return tuple(at for at, parameter in enumerate(self.parameters) if not parameter.is_fresh)

    def __str__(self) -> str:
        """``matmul(A: float32[n, k], B: float32[k, m]) -> C: float32[n, m]``."""
        taken = [
            f"{self._declared(parameter)}{' in place' if parameter.is_output else ''}"
            for parameter in self.required
        ]
        made = [self._declared(parameter) for parameter in self.fresh]
        result = made[0] if len(made) == 1 else f"({', '.join(made)})"
        arrow = f" -> {result}" if made else ""
        where = (
            f" where {', '.join(map(self.text, self.requirements))}" if self.requirements else ""
        )
        return f"{self.name}({', '.join(taken)}){arrow}{where}"

    def _declared(self, parameter: Parameter) -> str:
        return f"{parameter.name}: {self.kind_text(parameter)}"

    def kind_text(self, parameter: Parameter) -> str:
        """Return what a parameter is, ``float32[n, k]`` or ``int64``."""
        shape = f"[{', '.join(map(self.text, parameter.shape))}]" if parameter.is_array else ""
        return f"{parameter.dtype}{shape}"

    def __repr__(self) -> str:
        return f"<signature {self}>"

    def to_inspect(self) -> inspect.Signature:
        """Return it as Python shows signatures: fresh outputs last, with a default.

        >>> from texpr import te
        >>> A = te.placeholder((te.var("n"),), name="A")
        >>> B = te.compute(A.shape, lambda i: A[i] + 1, name="B")
        >>> Signature.of(te.create_schedule(B.op).program).to_inspect()
        <Signature (A: float32[n], B: float32[n] = <made>)>
        """
        return inspect.Signature(
            [
                inspect.Parameter(
                    parameter.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=_Words("<made>") if parameter.is_fresh else inspect.Parameter.empty,
                    annotation=_Words(self.kind_text(parameter)),
                )
                for parameter in (*self.required, *self.fresh)
            ]
        )

    def text(self, expr: Expr) -> str:
        """Return ``expr`` with the names that this signature gives to variables."""
        return expr_text(expr, self.name_of)


class _Words(str):
    """Words that print without quotes where Python shows a value by its ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def written_before_read(program: Program) -> list[Buffer]:
    """Return the outputs that no statement reads before one writes them, in textual order."""
    touched: dict[int, bool] = {}
    for stmt in stmts(program.body):
        for buffer in _loaded(stmt):
            touched.setdefault(id(buffer), False)
        if isinstance(stmt, Block):
            for buffer in stmt.written_buffers:
                touched.setdefault(id(buffer), True)
    return [buffer for buffer in program.outputs if touched.get(id(buffer), True)]


def _loaded(stmt: Stmt) -> Iterator[Buffer]:
    if isinstance(stmt, Block):
        yield from stmt.read_buffers
    for child in stmt.children:
        if isinstance(child, Expr):
            yield from (node.buffer for node in postorder(child) if isinstance(node, Load))


# ---------------------------------------------------------------- sizes


def _all_extents(parameters: list[Parameter]) -> list[tuple[int, int, Expr]]:
    return [
        (position, dimension, extent)
        for position, parameter in enumerate(parameters)
        for dimension, extent in enumerate(parameter.shape)
    ]


def _solve_sizes(program: Program, parameters: list[Parameter]) -> tuple[Size, ...]:
    # Inputs first, so that a call which leaves the outputs out determines what it can.
    places = sorted(_all_extents(parameters), key=lambda place: parameters[place[0]].is_output)
    unknown = {id(var): var for var in program.sizes}
    inputs = [place for place in places if not parameters[place[0]].is_output]
    found: list[Size] = []
    for among, solve in ((inputs, _plain), (inputs, _linear), (places, _plain), (places, _linear)):
        progress = True
        while progress and unknown:
            progress = False
            for position, dimension, expr in among:
                extent = Var(f"{parameters[position].name}.shape[{dimension}]", INT64)
                solved = solve(expr, unknown, extent)
                if solved is not None:
                    var, value = solved
                    del unknown[id(var)]
                    found.append(Size(var, position, dimension, extent, value))
                    progress = True
    if unknown:
        var = next(iter(unknown.values()))
        uses = [
            f"{parameters[position].name} ({expr})"
            for position, _, expr in places
            if any(each is var for each in free_vars(expr))
        ]
        raise LoweringError(
            f"{program.name}: the size {var} does not follow from the shapes that it occurs in, "
            f"{', '.join(uses)}; pass {var} as an argument"
        )
    return tuple(found)


def _plain(expr: Expr, unknown: dict[int, Var], extent: Var) -> tuple[Var, Expr] | None:
    if isinstance(expr, Cast) and expr.operand.dtype.is_integer:  # a size of a narrower type
        expr = expr.operand
    return (expr, extent) if isinstance(expr, Var) and id(expr) in unknown else None


def _linear(expr: Expr, unknown: dict[int, Var], extent: Var) -> tuple[Var, Expr] | None:
    """Solve ``expr == extent`` for the only unknown in it, if it is linear.

    Where the division leaves a rest, the extent will not match what the size gives back.
    """
    terms = _linear_terms(expr)
    if terms is None:
        return None
    coefficients, constant = terms
    inside = [var for var, _ in coefficients if id(var) in unknown]
    if len(inside) != 1:
        return None
    var = inside[0]
    rest: Expr = extent
    divisor = 1
    for other, factor in coefficients:
        if other is var:
            divisor = factor
        else:
            term = cast(other, INT64)
            rest = rest - (term if factor == 1 else binary("mul", factor, term))
    rest = rest - constant if constant else rest
    if divisor == -1:
        return var, -rest
    return var, (rest if divisor == 1 else rest // divisor)


def _linear_terms(expr: Expr) -> tuple[list[tuple[Var, int]], int] | None:
    """The coefficient of each variable, none of them 0, and the constant; None if not linear."""
    values: dict[int, dict[Var | None, int] | None] = {}
    for node in postorder(expr):
        values[id(node)] = _linear_node(node, [values[id(child)] for child in node.children])
    terms = values[id(expr)]
    if terms is None:
        return None
    constant = terms.pop(None, 0)
    return [(var, factor) for var, factor in terms.items() if var is not None and factor], constant


def _linear_node(
    node: Expr, parts: list[dict[Var | None, int] | None]
) -> dict[Var | None, int] | None:
    """The terms of ``node``, the constant under None, from those of its children."""
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return None
    if isinstance(node, Const):
        return {None: int(node.value)}
    if isinstance(node, Var):
        return {node: 1}
    if isinstance(node, Cast) and node.dtype is INT64 and node.operand.dtype.is_integer:
        return known[0]
    if isinstance(node, Unary) and node.op == "neg":
        return _combined({}, known[0], -1)
    if not isinstance(node, Binary):
        return None
    if node.op in ("add", "sub"):
        return _combined(known[0], known[1], 1 if node.op == "add" else -1)
    if node.op == "mul":
        a, b = known
        for number, other in ((a, b), (b, a)):
            if all(var is None for var in number):
                return _combined({}, other, number.get(None, 0))
    return None


def _combined(
    a: dict[Var | None, int], b: dict[Var | None, int], factor: int
) -> dict[Var | None, int]:
    total = dict(a)
    for var, coefficient in b.items():
        total[var] = total.get(var, 0) + factor * coefficient
    return total
