"""Integer expressions as sums: what each term's coefficient is, and back to an expression.

``+``, ``-`` and multiplication by a constant are taken apart; anything else is a *term*, whatever
is inside it. Fixed-width integers with ``+ - *`` are a ring, so that an expression and its sum
are equal up to wrapping, always, in whatever order the terms are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from texpr.ir.dtypes import INT64, DType
from texpr.ir.expr import Binary, Const, Expr, Unary, Var, postorder


class Sum:
    """``constant`` plus every one of ``terms`` times its coefficient, which is not 0.

    Coefficients are Python integers and do not wrap. Terms stand in order of appearance. Sums
    are never changed once they are made.
    """

    __slots__ = ("constant", "terms")

    def __init__(self, terms: dict[Expr, int], constant: int = 0) -> None:
        self.terms = terms
        self.constant = constant

    def plus(self, other: Sum, factor: int = 1) -> Sum:
        """Return this sum plus ``other`` times ``factor``."""
        terms = self.terms.copy()
        for term, coefficient in other.terms.items():
            total = terms.get(term, 0) + factor * coefficient
            if total:
                terms[term] = total
            else:
                terms.pop(term, None)
        return Sum(terms, self.constant + factor * other.constant)

    def negated(self) -> Sum:
        """Return this sum times -1."""
        return Sum({term: -c for term, c in self.terms.items()}, -self.constant)

    def shifted(self, amount: int) -> Sum:
        """Return this sum plus a number."""
        return Sum(self.terms, self.constant + amount)

    def __repr__(self) -> str:
        return f"<Sum {' + '.join(f'{c}*({t})' for t, c in self.terms.items())} + {self.constant}>"


def is_sum(node: Expr) -> bool:
    """Whether ``node`` is an integer expression that :func:`sum_of` takes apart."""
    if type(node) is Binary:
        op = node.op
        if op in ("add", "sub"):
            return node.dtype.kind != "float"
        if op == "mul" and (type(node.children[1]) is Const or type(node.children[0]) is Const):
            return node.dtype.kind != "float"
    return type(node) is Unary and node.op == "neg" and node.dtype.kind != "float"


def sum_of(root: Expr, *, distribute: bool = True) -> Sum:
    """Return ``root`` as a sum.

    ``distribute`` takes ``(x + y)*c`` apart into ``x*c + y*c``; else ``x + y`` is one term.

    >>> i, j = Var("i"), Var("j")
    >>> sum_of((i + 3)*4 - j), sum_of((i + 3)*4 - j, distribute=False)
    (<Sum 4*(i) + -1*(j) + 12>, <Sum 4*(i + 3) + -1*(j) + 0>)
    """
    if not is_sum(root):
        return Sum({}, int(root.value)) if type(root) is Const else Sum({root: 1})
    # A node that several share is taken apart once, with the sum of what they want of it, hence
    # parents first: x + x, doubled a hundred times, has 2**100 paths.
    whole: set[Expr] = set()
    order = _terms_first(root, distribute, whole)
    wanted: dict[Expr, int] = {root: 1}
    constant = 0
    for node in reversed(order):
        factor = wanted.get(node, 0)
        if type(node) is Const:
            constant += factor * int(node.value)
            wanted[node] = 0
        elif is_sum(node) and node not in whole:
            for child, share in _parts(node):
                wanted[child] = wanted.get(child, 0) + share * factor
            wanted[node] = 0
    return Sum({node: wanted[node] for node in order if wanted.get(node)}, constant)


def _parts(node: Expr) -> tuple[tuple[Expr, int], ...]:
    """Return the operands of a sum, each with its factor."""
    if type(node) is Binary:
        a, b = node.children
        if node.op != "mul":
            return ((a, 1), (b, 1 if node.op == "add" else -1))
        if type(b) is Const:
            return ((a, int(b.value)),)
        return ((b, int(a.value)),)  # type: ignore[attr-defined]
    return ((node.children[0], -1),)


def _terms_first(root: Expr, distribute: bool, whole: set[Expr]) -> list[Expr]:
    """Return the sums below ``root`` and their terms in postorder.

    Where sums are not distributed over, those that are multiplied are put into ``whole``.
    """
    order: list[Expr] = []
    seen: set[Expr] = set()
    stack: list[Expr | None] = [root]
    inner: list[Expr] = []
    while stack:
        node = stack.pop()
        if node is None:  # all below the innermost sum is in the order
            order.append(inner.pop())
        elif node not in seen:
            seen.add(node)
            if is_sum(node) and node not in whole:
                inner.append(node)
                stack.append(None)
                parts = _parts(node)
                stack.extend([child for child, _ in reversed(parts)])
                if not distribute and len(parts) == 1 and parts[0][1] != -1:
                    child = parts[0][0]
                    if type(child) is Binary and child.op != "mul":
                        whole.add(child)
            else:
                order.append(node)
    return order


def sum_expr(total: Sum, dtype: DType) -> Expr:
    """Return the expression of a sum: as written, the constant last, like terms collected.

    A sum does not begin with a negative term if there is another.

    >>> i, n = Var("i"), Var("n")
    >>> print(sum_expr(sum_of(3 + i*4 - n - 5), INT64), sum_expr(sum_of(n - n - i), INT64))
    i*4 - n - 2 -i
    """
    parts: list[tuple[Expr | None, int]] = []
    first: int | None = None  # the place of the first part that is added
    high = int(dtype.max)
    for term, exact in (*total.terms.items(), (None, total.constant)):
        # -128 of an int8 cannot be subtracted, since there is no 128: it is added.
        coefficient = exact if -high <= exact <= high else dtype.wrap(exact)
        if coefficient:
            if first is None and (coefficient > 0 or coefficient < -high):
                first = len(parts)
            parts.append((term, coefficient))
    if not parts:
        return Const(0, dtype)
    result = _part(*parts.pop(first or 0), dtype)
    for term, coefficient in parts:
        if coefficient > 0 or coefficient < -high:
            result = Binary("add", result, _part(term, coefficient, dtype))
        else:
            result = Binary("sub", result, _part(term, -coefficient, dtype))
    return result


def _part(term: Expr | None, coefficient: int, dtype: DType) -> Expr:
    if term is None:
        return Const(coefficient, dtype)
    if coefficient == 1:
        return term
    if coefficient == -1:
        return Unary("neg", term)
    return Binary("mul", term, Const(coefficient, dtype))


@dataclass(frozen=True, slots=True)
class LinearForm:
    """``rest`` plus every variable of ``coefficients`` times its coefficient."""

    coefficients: Mapping[Var, int]
    rest: Expr


def linear_form(expr: Expr, variables: Iterable[Var]) -> LinearForm | None:
    """Return the int64 expression ``expr`` as a linear form in ``variables``.

    Returns
    -------
    LinearForm or None
        Every one of ``variables`` has a coefficient, perhaps 0, and ``rest`` is free of them.
        None where ``expr`` is not an int64 or not linear in them.

    >>> i, j, n = Var("i"), Var("j"), Var("n", is_size=True)
    >>> form = linear_form((i + n)*4 - j//2, [i])
    >>> form.coefficients[i], print(form.rest)
    n*4 - j//2
    (4, None)
    >>> linear_form(i*n, [i]) is None
    True
    """
    if expr.dtype is not INT64:
        return None
    total = sum_of(expr)
    rest = total.terms.copy()
    coefficients = {var: rest.pop(var, 0) for var in variables}
    for term in rest:
        if term.children and any(node in coefficients for node in postorder(term)):
            return None
    return LinearForm(coefficients, sum_expr(Sum(rest, total.constant), INT64))


def coefficient(expr: Expr, var: Var) -> int | None:
    """Return the constant by which ``expr`` grows when ``var`` grows by 1.

    None where ``expr`` is not an int64, or not linear in ``var`` with a constant coefficient.

    >>> i, n = Var("i"), Var("n", is_size=True)
    >>> coefficient(i*32 + n, i), coefficient(n, i), coefficient(i*n, i)
    (32, 0, None)
    """
    form = linear_form(expr, (var,))
    return None if form is None else form.coefficients[var]
