"""The arguments of a kernel, from the annotations of the function.

Sizes go by name: within one kernel, ``N = texpr.size("N")``, the string ``"N"`` in a shape and an
argument ``N: texpr.size`` are the same size.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import FunctionType
from typing import Any, cast

from texpr.errors import KernelError, ShapeError, TexprError, did_you_mean
from texpr.ir.buffer import Buffer
from texpr.ir.dtypes import INT64
from texpr.ir.expr import (
    Const,
    Expr,
    ExprOperators,
    Load,
    Var,
    as_expr,
    as_index,
    free_vars,
    postorder,
)
from texpr.ir.visitor import substitute
from texpr.kernel.declare import ELEMENT_TYPES, ArrayType, ElementType, size
from texpr.kernel.extents import extent_of_text
from texpr.kernel.outside import Outside
from texpr.kernel.source import Source


class Parameters:
    """The arguments, and the sizes by name.

    Parameters
    ----------
    function : function
    source : Source
        Of ``function``.
    outside : Outside
        What the names in annotations mean.

    Raises
    ------
    KernelError
        An argument without a type, or of a kind that kernels do not have.
    DTypeError, ShapeError
        An extent that is no extent.
    """

    def __init__(self, function: FunctionType, source: Source, outside: Outside) -> None:
        self.source, self.outside = source, outside
        self.sizes: dict[str, Var] = {}
        self.by_text: set[str] = set()
        """The sizes that are strings in shapes: their names have a meaning in the body."""
        self.named: dict[str, Var | Buffer] = {}
        nodes = self._plain_arguments()
        kinds = self._kinds(function, nodes)
        for kind in kinds.values():
            for extent in kind.shape if isinstance(kind, ArrayType) else ():
                if isinstance(extent, ExprOperators):
                    for var in free_vars(as_expr(extent)):
                        if var.name not in self.named and not var.is_axis:
                            self.sizes.setdefault(var.name, var)
        for node in nodes:
            kind = kinds[node.arg]
            if kind is size:
                self.named[node.arg] = self.sizes[node.arg]
            elif isinstance(kind, ArrayType):
                with source.at(node.annotation or node):
                    self.named[node.arg] = self._array(node.arg, kind)
        self.args: tuple[Var | Buffer, ...] = tuple(self.named[node.arg] for node in nodes)

    def own(self, expr: Expr, what: str) -> Expr:
        """Return an expression that was made outside in terms of this kernel's sizes and scalars.

        Raises
        ------
        TexprError
            It mentions something that no argument says.
        """
        scalars = {name: arg for name, arg in self.named.items() if isinstance(arg, Var)}
        return own_expression(expr, {**scalars, **self.sizes}, what)

    # ------------------------------------------------------------ annotations

    def _plain_arguments(self) -> list[ast.arg]:
        given = self.source.function.args
        name = self.source.name
        extra: list[ast.AST] = [*given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        if extra:
            text = f"{name}: a kernel has plain arguments; write them without * and **"
            raise self.source.error(KernelError, extra[0], text)
        if given.defaults:
            text = f"{name}: an argument of a kernel has no default; pass it in the call"
            raise self.source.error(KernelError, given.defaults[0], text)
        nodes = [*given.posonlyargs, *given.args]
        for node in nodes:
            if node.annotation is None:
                text = (
                    f"{name}: the argument {node.arg} has no type; write {node.arg}: "
                    f"texpr.f64[N, N] for an array, texpr.f64 for a scalar, texpr.size for a size"
                )
                raise self.source.error(KernelError, node, text)
        return nodes

    def _kinds(self, function: FunctionType, nodes: list[ast.arg]) -> dict[str, Any]:
        """Return what the annotations mean; note the scalars and sizes among the arguments."""
        try:
            given = function.__annotations__
        except NameError as error:  # Python 3.14 evaluates them now
            text = self._not_defined(error)
            raise self.source.error(KernelError, self.source.function, text) from None
        kinds: dict[str, Any] = {}
        # Scalars first: annotations of arrays that are strings may name them.
        for node in sorted(nodes, key=lambda node: _is_subscript(given[node.arg])):
            name, annotation = node.arg, node.annotation or node
            kind = kinds[name] = self._evaluated(given[name], annotation)
            if kind is size:
                found = self.outside.get(name)
                is_it = isinstance(found, Var) and found.is_size and found.name == name
                self.sizes[name] = cast(Var, found) if is_it else size(name)
            elif isinstance(kind, ElementType):
                self.named[name] = Var(name, kind.element)
            elif not isinstance(kind, ArrayType):
                raise self.source.error(KernelError, annotation, self._no_type(name, kind))
        return kinds

    def _evaluated(self, annotation: object, node: ast.AST) -> Any:
        """Return what an annotation means; a string is evaluated where the function stands."""
        names = _Names({**self.named, **self.sizes}, self.outside)
        try:
            while isinstance(annotation, str):
                code = compile(annotation, self.source.file, "eval", dont_inherit=True)
                annotation = eval(code, {}, names)  # noqa: S307 - the user's own annotation
        except NameError as error:
            raise self.source.error(KernelError, node, self._not_defined(error)) from None
        except TexprError as error:
            raise self.source.error(type(error), node, str(error)) from None
        except (SyntaxError, AttributeError, TypeError, ValueError) as error:
            text = f"{annotation!r} is no type ({error.args[0]}); write texpr.f64[N]"
            raise self.source.error(KernelError, node, f"{self.source.name}: {text}") from None
        return annotation

    def _not_defined(self, error: NameError) -> str:
        return (
            f"{self.source.name}: the type of an argument cannot be evaluated, {error}; declare "
            f'{error.name} = texpr.size("{error.name}") first, or write texpr.f64["{error.name}"]'
        )

    def _no_type(self, name: str, kind: object) -> str:
        advice = "write texpr.f64[N, N] for an array, texpr.f64 for a scalar, texpr.size for a size"
        short = [n for n, element in ELEMENT_TYPES.items() if element.dtype.type is kind]
        if short:
            advice = f"write texpr.{short[0]}"
        elif kind is int:
            advice = "write texpr.size, or texpr.i64 if it may be negative"
        elif kind is float or kind is bool:
            advice = f"write texpr.{'f64' if kind is float else 'b1'}"
        elif isinstance(kind, Var):
            advice = f"write {name}: texpr.size, which names the size as the argument"
        shown = getattr(kind, "__name__", None) or str(kind)
        return f"{self.source.name}: {shown} is no type of the argument {name}; {advice}"

    # ------------------------------------------------------------ shapes

    def _array(self, name: str, kind: ArrayType) -> Buffer:
        shape = []
        for position, extent in enumerate(kind.shape):
            shape.append(self._extent(extent, f"{name}: extent {position} of the shape"))
        return Buffer(name, tuple(shape), kind.element)

    def _extent(self, extent: Any, what: str) -> Expr:
        if isinstance(extent, str):
            extent = extent_of_text(extent, what, self)
        if isinstance(extent, (list, slice)) or extent is None or extent is Ellipsis:
            raise ShapeError(f'{what}: {extent!r} is no extent; write a number, N or "N"')
        found = as_index(extent, what)
        if isinstance(found, Const):
            if found.value < 0:
                raise ShapeError(f"{what} is {found.value}; an extent is at least 0")
            return found
        return as_index(self.own(as_expr(extent), what), what)

    def size_named(self, name: str, what: str) -> Expr:
        """Return the size or integer argument called ``name``, making a size if it is new.

        Raises
        ------
        ShapeError
            Outside, it is the name of a number, or here that of an array.
        """
        given = self.named.get(name)
        if isinstance(given, Buffer):
            raise ShapeError(f"{what}: {name} is an array; name a size")
        if given is not None:
            return as_index(given, what)
        found = self.outside.get(name)
        is_it = isinstance(found, Var) and found.dtype is INT64 and found.name == name
        if isinstance(found, (int, float, ExprOperators)) and not is_it:
            raise ShapeError(
                f"{what}: {name!r} names a size, and outside the kernel {name} is {found!r}; "
                f"write it without quotes for that, or give the size another name"
            )
        self.by_text.add(name)
        return self.sizes.setdefault(name, cast(Var, found) if is_it else size(name))


def own_expression(expr: Expr, known: Mapping[str, Var], what: str) -> Expr:
    """Return ``expr`` with the variables that are ``known``, by name, in the place of others.

    Raises
    ------
    TexprError
        It mentions another name, or reads an array; ``what`` says where it stands.
    """
    values: dict[Var, Expr] = {}
    for var in free_vars(expr):
        found = known.get(var.name)
        if found is None or found.dtype is not var.dtype:
            hint = did_you_mean(var.name, known)
            raise TexprError(
                f"{what}: {var.name} follows from no argument{hint}; use it in the shape of an "
                f"array, or add an argument, {var.name}: texpr.size"
            )
        values[var] = found
    if any(isinstance(node, Load) for node in postorder(expr)):
        raise TexprError(f"{what}: {expr} reads an array; use sizes and scalar arguments")
    return substitute(expr, values)


class _Names(dict[str, Any]):
    """Names of the kernel, and behind them those outside."""

    def __init__(self, own: Mapping[str, Any], outside: Mapping[str, Any]) -> None:
        super().__init__(own)
        self.outside = outside

    def __missing__(self, name: str) -> Any:
        return self.outside[name]


def _is_subscript(annotation: object) -> bool:
    return "[" in annotation if isinstance(annotation, str) else isinstance(annotation, ArrayType)
