"""Statements and programs: the loop tree.

A :class:`Block` is a statement. However its loops are split, moved and annotated, it keeps the
iteration vector it was declared with (``iters``); ``bindings`` says which instance the
surrounding loops are at. So two programs can be compared instance by instance, however
differently their loops look.

Statements are compared by identity, as expressions are.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias, Union

from texpr.ir.buffer import Buffer
from texpr.ir.chunks import STATIC, Chunks
from texpr.ir.dtypes import BOOL, INT64, DType
from texpr.ir.expr import Const, Expr, Load, Var, free_vars, postorder
from texpr.ir.extern import ExternFunction
from texpr.ir.itervar import IterVar

Node: TypeAlias = Union[Expr, "Stmt"]

ZERO = Const(0, INT64)
ONE = Const(1, INT64)
TRUE = Const(True, BOOL)


class LoopKind(enum.Enum):
    """How the iterations of a loop run."""

    SERIAL = "range"
    UNROLLED = "unrolled"
    VECTORIZED = "vectorized"
    PARALLEL = "parallel"


@dataclass(frozen=True)
class Location:
    """The line of the user's code that a statement came from."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Shown:
    """What never changes, so that it is its own copy, and has a text: statements and programs."""

    __slots__ = ()

    show: ClassVar[Callable[[Any], str]]
    """The text; ``texpr.ir.printer``, which stands above, puts it here."""
    show_html: ClassVar[Callable[[Any], str]]
    """What notebooks show; ``texpr.ir.html`` puts it here."""

    def __copy__(self) -> Shown:
        return self

    def __deepcopy__(self, memo: object) -> Shown:
        return self

    def __str__(self) -> str:
        return Shown.show(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print in notebooks, and in what hypothesis reports, as ``print`` does."""
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return Shown.show_html(self)


class Stmt(Shown):
    """A statement; ``children`` are its expressions and statements in order of evaluation."""

    __slots__ = ()

    @property
    def children(self) -> tuple[Node, ...]:
        raise TypeError(f"{type(self).__name__} has no children")

    def rebuild(self, children: Sequence[Any]) -> Stmt:
        """Return this statement over other children of the same kinds."""
        raise TypeError(f"{type(self).__name__} has no children")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_from_table, (_to_table(self),))


@dataclass(frozen=True, eq=False, repr=False)
class Seq(Stmt):
    """The statements one after the other; no statement at all does nothing."""

    stmts: tuple[Stmt, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.stmts

    def rebuild(self, children: Sequence[Any]) -> Seq:
        return Seq(tuple(children))


Annotation: TypeAlias = str | int | float | bool
Annotations: TypeAlias = tuple[tuple[str, Annotation], ...]
"""Notes for tools by their keys, in the order in which they were made; they mean nothing here."""


@dataclass(frozen=True, eq=False, repr=False)
class Loop(Stmt):
    """``body`` for ``var`` = ``lower``, ``lower + step``, … below ``upper``.

    ``step`` is at least 1; where ``upper <= lower`` nothing runs. The bounds are evaluated once.

    A vectorized loop runs its lanes together, statement by statement; within one statement all
    reads come before all writes, and two lanes may not write different values to one cell, but
    where all lanes update one cell (:mod:`texpr.ir.update`) their terms fold into it. Each lane
    has its own variables and allocations; where lanes disagree, a condition or the end of an
    inner loop lets some of them wait. The iterations of a parallel loop run in any order or at
    once: where one writes a cell no other may touch it; ``chunks`` says how threads share them.
    """

    var: Var
    lower: Expr
    upper: Expr
    body: Stmt
    kind: LoopKind = LoopKind.SERIAL
    step: int = 1
    chunks: Chunks = STATIC
    annotations: Annotations = ()

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.lower, self.upper, self.body)

    def rebuild(self, children: Sequence[Any]) -> Loop:
        lower, upper, body = children
        return replace(self, lower=lower, upper=upper, body=body)


@dataclass(frozen=True, eq=False, repr=False)
class If(Stmt):
    """``then`` where ``condition`` holds, else ``orelse``."""

    condition: Expr
    then: Stmt
    orelse: Stmt | None = None

    @property
    def children(self) -> tuple[Node, ...]:
        both = (self.condition, self.then)
        return both if self.orelse is None else (*both, self.orelse)

    def rebuild(self, children: Sequence[Any]) -> If:
        return If(*children)


@dataclass(frozen=True, eq=False, repr=False)
class Let(Stmt):
    """``body`` with ``var`` standing for ``value``."""

    var: Var
    value: Expr
    body: Stmt

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.value, self.body)

    def rebuild(self, children: Sequence[Any]) -> Let:
        return Let(self.var, *children)


@dataclass(frozen=True, eq=False, repr=False)
class Alloc(Stmt):
    """``body`` with a fresh ``buffer``, whose cells hold nothing until they are written."""

    buffer: Buffer
    body: Stmt

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.body,)

    def rebuild(self, children: Sequence[Any]) -> Alloc:
        return Alloc(self.buffer, *children)


@dataclass(frozen=True, eq=False, repr=False)
class Store(Stmt):
    """``buffer[indices] = value``."""

    buffer: Buffer
    indices: tuple[Expr, ...]
    value: Expr

    @property
    def children(self) -> tuple[Node, ...]:
        return (*self.indices, self.value)

    def rebuild(self, children: Sequence[Any]) -> Store:
        return Store(self.buffer, tuple(children[:-1]), children[-1])


@dataclass(frozen=True, eq=False, repr=False)
class ExternCall(Stmt):
    """``function(*args)`` of whole buffers: it may read all of ``inputs``, and fills ``outputs``.

    The args are buffers among these, and scalars. Nothing else is known of what it does.
    ``dtype`` is the type that a C function returns, which nobody looks at; None is nothing.
    """

    function: ExternFunction
    args: tuple[Buffer | Expr, ...]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]
    dtype: DType | None = None

    @property
    def children(self) -> tuple[Node, ...]:
        return self.scalars

    def rebuild(self, children: Sequence[Any]) -> ExternCall:
        new = iter(children)
        args = tuple(arg if isinstance(arg, Buffer) else next(new) for arg in self.args)
        return replace(self, args=args)

    @property
    def scalars(self) -> tuple[Expr, ...]:
        """The args that are expressions."""
        return tuple(arg for arg in self.args if isinstance(arg, Expr))


Role: TypeAlias = Literal["compute", "init"]


@dataclass(frozen=True, eq=False)
class Fold:
    """How a reduction combines: ``old`` and ``new`` to ``combined``, with a neutral ``identity``.

    It is declared to be associative and commutative.
    """

    old: tuple[Var, ...]
    new: tuple[Var, ...]
    combined: tuple[Expr, ...]
    identity: tuple[Expr, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Block(Stmt):
    """One statement of the declared program.

    ``bindings`` gives, in terms of the surrounding loops, the values of ``iters`` at which the
    ``stores`` run, where ``predicate`` (over ``iters``) holds; all indices and values are
    evaluated before anything is stored. A Block without stores has a call of an ``extern``
    function in their place. A reduction is two Blocks of one name, the one with the
    role ``"init"`` first. ``iters`` are side data of the instance; their variables are bound here.
    ``checked`` are the subscripts (buffer, dimension, index over ``iters``) that are not proven to
    be in bounds, and that machine code checks when it evaluates them. ``fold`` says of a declared
    reduction how its terms are combined.
    """

    name: str
    iters: tuple[IterVar, ...]
    bindings: tuple[Expr, ...]
    stores: tuple[Store, ...]
    predicate: Expr = TRUE
    checked: tuple[tuple[Buffer, int, Expr], ...] = ()
    role: Role = "compute"
    fold: Fold | None = field(default=None, compare=False)
    location: Location | None = field(default=None, compare=False)
    extern: ExternCall | None = None
    annotations: Annotations = field(default=(), compare=False)

    @property
    def body(self) -> tuple[Store | ExternCall, ...]:
        """What it does: stores, or the call of a function from outside."""
        return self.stores if self.extern is None else (self.extern,)

    @property
    def children(self) -> tuple[Node, ...]:
        return (*self.bindings, self.predicate, *self.body)

    def rebuild(self, children: Sequence[Any]) -> Block:
        count = len(self.bindings)
        bindings, predicate, body = children[:count], children[count], tuple(children[count + 1 :])
        stores, extern = (body, None) if self.extern is None else ((), body[0])
        return replace(
            self, bindings=tuple(bindings), predicate=predicate, stores=stores, extern=extern
        )

    @property
    def label(self) -> str:
        """The name of the statement: the stage's, with ``.init`` on its initialisation."""
        return self.name if self.role == "compute" else f"{self.name}.init"

    @cached_property
    def reads(self) -> tuple[Load, ...]:
        """Every single element that the statement reads, in terms of ``iters``."""
        roots = [self.predicate, *(child for part in self.body for child in part.children)]
        found: dict[int, Load] = {}
        for root in roots:
            for node in postorder(root):  # type: ignore[arg-type]
                if isinstance(node, Load):
                    found.setdefault(id(node), node)
        return tuple(found.values())

    @property
    def writes(self) -> tuple[Store, ...]:
        """Every single element that the statement writes, in terms of ``iters``."""
        return self.stores

    @property
    def written_buffers(self) -> tuple[Buffer, ...]:
        """Every buffer that the statement writes to."""
        whole = () if self.extern is None else self.extern.outputs
        return (*(store.buffer for store in self.stores), *whole)

    @property
    def read_buffers(self) -> tuple[Buffer, ...]:
        """Every buffer that the statement reads from, once."""
        whole = () if self.extern is None else self.extern.inputs
        return tuple(dict.fromkeys([*(load.buffer for load in self.reads), *whole]))

    @cached_property
    def buffers(self) -> tuple[Buffer, ...]:
        """Every buffer that the statement touches, once."""
        return tuple(dict.fromkeys([*self.written_buffers, *self.read_buffers]))

    @property
    def contents(self) -> tuple[object, ...]:
        """What it reads and writes in terms of ``iters``, to compare: expressions are shared."""
        stores = ((store.buffer, *store.children) for store in self.stores)
        return (self.predicate, *stores, self.extern)

    @property
    def is_reduction(self) -> bool:
        """Whether some iteration variable is summed over."""
        return any(iter_.is_reduce for iter_ in self.iters)


STMT_NODES: tuple[type[Stmt], ...] = (Seq, Loop, If, Let, Alloc, Store, ExternCall, Block)


FloatOrder: TypeAlias = Literal["exact", "reassoc", "fast"]
FLOAT_ORDERS: tuple[FloatOrder, ...] = ("exact", "reassoc", "fast")


@dataclass(frozen=True)
class FloatPolicy:
    """What compiled floating-point arithmetic may do beyond IEEE 754's letter.

    ``order``: ``"exact"`` keeps every operation in its order, ``"reassoc"`` lets the terms of a
    reduction be added in any order, ``"fast"`` lets any expression be rearranged and assumes
    neither NaN nor infinity. ``contract``: a product and a sum may be fused and round once.
    """

    order: FloatOrder = "reassoc"
    contract: bool = True


@dataclass(frozen=True, eq=False, repr=False)
class Program(Shown):
    """A whole program.

    ``args`` are what a caller passes, in order: scalars and arrays. Sizes that occur in the
    arrays' shapes and are not arguments follow from the arrays. ``requirements`` are conditions
    on the sizes and scalars, checked at the call.
    """

    name: str
    args: tuple[Var | Buffer, ...]
    body: Stmt
    requirements: tuple[Expr, ...] = ()
    float_policy: FloatPolicy = FloatPolicy()

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The arguments that are arrays."""
        return tuple(arg for arg in self.args if isinstance(arg, Buffer))

    @property
    def scalars(self) -> tuple[Var, ...]:
        """The arguments that are scalars."""
        return tuple(arg for arg in self.args if isinstance(arg, Var))

    @property
    def sizes(self) -> tuple[Var, ...]:
        """The sizes that follow from the shapes of the arrays."""
        given = {id(scalar) for scalar in self.scalars}
        shapes = [extent for buffer in self.buffers for extent in buffer.shape]
        return tuple(var for var in free_vars(*shapes) if id(var) not in given)

    @property
    def params(self) -> tuple[Var, ...]:
        """Every scalar the body may use: arguments, then sizes."""
        return (*self.scalars, *self.sizes)

    @property
    def outputs(self) -> tuple[Buffer, ...]:
        """The arrays among the arguments that the program writes.

        What an operation computes is one also where it has no elements, and nothing writes any.
        """
        written = {id(b) for block in blocks(self.body) for b in block.written_buffers}
        return tuple(b for b in self.buffers if id(b) in written or b.is_computed)

    @property
    def inputs(self) -> tuple[Buffer, ...]:
        """The arrays among the arguments that the program only reads."""
        written = {id(buffer) for buffer in self.outputs}
        return tuple(buffer for buffer in self.buffers if id(buffer) not in written)

    def with_body(self, body: Stmt) -> Program:
        """Return the program with another body; itself where that is the one it has."""
        return self if body is self.body else replace(self, body=body)

    __repr__ = Shown.__str__


def stmts(root: Stmt) -> list[Stmt]:
    """Return ``root`` and every statement below it, each before what it contains."""
    order: list[Stmt] = []
    stack: list[Stmt] = [root]
    while stack:
        stmt = stack.pop()
        order.append(stmt)
        stack.extend(child for child in reversed(stmt.children) if isinstance(child, Stmt))
    return order


class _Row(int):
    """The number of the row of a statement."""

    __slots__ = ()


def _to_table(root: Stmt) -> list[tuple[Any, ...]]:
    """Return the tree as rows (class, fields), the root last: pickle must not recurse."""
    row_of: dict[int, _Row] = {}

    def packed(value: Any) -> Any:
        if isinstance(value, Stmt):
            return row_of[id(value)]
        return tuple(map(packed, value)) if type(value) is tuple else value

    rows: list[tuple[Any, ...]] = []
    for stmt in reversed(stmts(root)):
        rows.append((type(stmt), [packed(getattr(stmt, f.name)) for f in fields(stmt)]))  # type: ignore[arg-type]
        row_of[id(stmt)] = _Row(len(rows) - 1)
    return rows


def _from_table(rows: list[tuple[Any, ...]]) -> Stmt:
    made: list[Stmt] = []

    def unpacked(value: Any) -> Any:
        if isinstance(value, _Row):
            return made[value]
        return tuple(map(unpacked, value)) if type(value) is tuple else value

    for cls, values in rows:
        made.append(cls(*map(unpacked, values)))
    return made[-1]


def blocks(root: Stmt) -> list[Block]:
    """Return the Blocks below ``root`` in textual order."""
    return [stmt for stmt in stmts(root) if isinstance(stmt, Block)]


def parallel_nest(loop: Loop) -> tuple[Loop, ...]:
    """Return the parallel loops from ``loop`` inwards whose iterations are shared as one space.

    Each contains just the next, and the bounds of none depend on another or on memory.
    """
    nest = [loop]
    while isinstance(inner := nest[-1].body, Loop) and inner.kind is LoopKind.PARALLEL:
        used = [node for bound in (inner.lower, inner.upper) for node in postorder(bound)]
        if any(isinstance(node, Load) or node in {each.var for each in nest} for node in used):
            break
        nest.append(inner)
    return tuple(nest)


def buffers_in(body: Stmt) -> list[Buffer]:
    """Every buffer that a statement or the bound of a loop reads or writes."""
    found: dict[int, Buffer] = {}
    stack: list[Stmt] = [body]
    while stack:
        stmt = stack.pop()
        own: Sequence[Node] = stmt.children
        if isinstance(stmt, Block):
            found.update((id(buffer), buffer) for buffer in stmt.buffers)
            own = stmt.bindings
        elif isinstance(stmt, Store):
            found[id(stmt.buffer)] = stmt.buffer
        elif isinstance(stmt, ExternCall):
            found.update((id(buffer), buffer) for buffer in (*stmt.inputs, *stmt.outputs))
        for child in own:
            if not isinstance(child, Expr):
                stack.append(child)
            elif child.children:
                for node in postorder(child):
                    if isinstance(node, Load):
                        found[id(node.buffer)] = node.buffer
    return list(found.values())


def seq(*parts: Stmt) -> Stmt:
    """Return the statements as one, nested sequences flattened."""
    flat: list[Stmt] = []
    for part in parts:
        flat.extend(part.stmts if isinstance(part, Seq) else (part,))
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))
