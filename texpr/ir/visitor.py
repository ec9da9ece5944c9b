"""The one visitor and the one rewriter of expressions and statements.

A handler is a method ``visit_<Kind>(self, node)``. It may be a plain method, or a generator that
asks for what it needs: ``value = yield child`` evaluates to the visit of that child. An explicit
stack drives the generators, so that depth costs memory and not Python's recursion.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, MutableMapping, Sequence
from types import GeneratorType
from typing import Any, ClassVar, Generic, TypeVar, cast

from texpr.errors import InternalError
from texpr.ir.buffer import Buffer
from texpr.ir.expr import EXPR_NODES, Expr, Load, Var
from texpr.ir.program import STMT_NODES, Node, Stmt, Store

R = TypeVar("R")
T = TypeVar("T")
Visit = Generator[Any, Any, R]
"""What a handler that visits children is annotated to return."""


class Visitor(Generic[R]):
    """Dispatches on the kind of node.

    A subclass says with ``over=`` which kinds it handles, and making a class that lacks a handler
    for one of them fails there and then. ``memoise`` visits a shared expression once; it must be
    off where the result depends on the place.
    """

    memoise: ClassVar[bool] = True

    def __init_subclass__(cls, over: Iterable[type] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        missing = [node.__name__ for node in over if not hasattr(cls, f"visit_{node.__name__}")]
        if missing:
            raise TypeError(f"{cls.__name__} has no visit_{', visit_'.join(missing)}")

    def fresh_memo(self) -> MutableMapping[Node, R]:
        """Return the table in which one walk keeps the values of expressions."""
        return {}  # by node, not by id: an id could come back as another node's

    def visit(self, node: Node) -> R:
        """Return the value of the handler of ``node``."""
        return self.drive(self._ask(node))

    def _ask(self, node: Node) -> Visit[R]:
        value: R = yield node
        return value

    def drive(self, generator: Generator[Node, Any, T]) -> T:
        """Run a handler's generator to its end, visiting every node that it asks for."""
        memo = self.fresh_memo()
        stack: list[tuple[Node | None, Generator[Node, Any, Any]]] = [(None, generator)]
        value: Any = None
        while True:
            parent, running = stack[-1]
            try:
                node = running.send(value)
            except StopIteration as stop:
                stack.pop()
                value = stop.value
                if not stack:
                    return cast(T, value)
                if self.memoise and isinstance(parent, Expr):
                    memo[parent] = value
                continue
            if self.memoise and node in memo:
                value = memo[node]
                continue
            handler = getattr(self, f"visit_{type(node).__name__}", None)
            if handler is None:
                raise InternalError(f"{type(self).__name__} met a {type(node).__name__}")
            value = handler(node)
            if isinstance(value, GeneratorType):
                stack.append((node, value))
                value = None
            elif self.memoise and isinstance(node, Expr):
                memo[node] = value


class Rewriter(Visitor[Any], over=(*EXPR_NODES, *STMT_NODES)):
    """Rebuilds a tree; every handler defaults to the node over its rewritten children.

    A node whose children did not change is returned as it is, so ``is`` tells whether anything
    happened.
    """

    def generic(self, node: Node) -> Visit[Any]:
        """Return ``node`` over its rewritten children."""
        children = []
        for child in node.children:
            children.append((yield child))
        if all(new is old for new, old in zip(children, node.children, strict=True)):
            return node
        return node.rebuild(children)

    # Any, so that a subclass may put a plain method, of one kind of node, in the place of one.
    _default: Any = generic
    visit_Const = visit_Var = visit_Load = visit_Unary = visit_Binary = _default
    visit_Select = visit_IfThenElse = visit_Cast = visit_Call = _default
    visit_Seq = visit_Loop = visit_If = visit_Let = visit_Alloc = _default
    visit_Store = visit_ExternCall = visit_Block = _default

    def rewrite_expr(self, expr: Expr) -> Expr:
        return cast(Expr, self.visit(expr))

    def rewrite_stmt(self, stmt: Stmt) -> Stmt:
        return cast(Stmt, self.visit(stmt))


class CellRewriter(Rewriter):
    """Puts other cells in the place of those that are read and written, one by one."""

    def cell(self, buffer: Buffer, indices: Sequence[Expr]) -> tuple[Buffer, Sequence[Expr]]:
        """Return what stands for ``buffer[indices]``, whose indices are rewritten already."""
        return buffer, indices

    def visit_Load(self, node: Load) -> Visit[Expr]:
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return Load(*self.cell(node.buffer, indices))

    def visit_Store(self, node: Store) -> Visit[Stmt]:
        children = []
        for child in node.children:
            children.append((yield child))
        buffer, indices = self.cell(node.buffer, children[:-1])
        new = (*indices, children[-1])
        same = buffer is node.buffer and all(
            a is b for a, b in zip(new, node.children, strict=False)
        )
        return node if same else Store(buffer, tuple(indices), children[-1])


class _Substitution(Rewriter):
    def __init__(self, values: Mapping[Var, Expr]) -> None:
        self.values = {id(var): value for var, value in values.items()}

    def visit_Var(self, node: Var) -> Expr:
        return self.values.get(id(node), node)


class _Exchange(Rewriter):
    def __init__(self, old: Load, new: Load) -> None:
        self.old, self.new = old, new

    def visit_Load(self, node: Load) -> Visit[Expr]:
        if node is self.old:
            return self.new
        indices = []
        for index in node.indices:
            indices.append((yield index))
        return node.rebuild(indices)


def with_element(expr: Expr, old: Load, new: Load) -> Expr:
    """Return ``expr`` with the element ``new`` in the place of the element ``old``."""
    return _Exchange(old, new).rewrite_expr(expr)


N = TypeVar("N", bound=Node)


def substitute(node: N, values: Mapping[Var, Expr]) -> N:
    """Return ``node`` with every variable in ``values`` replaced, all at once."""
    return cast(N, _Substitution(values).visit(node)) if values else node
