"""Sums of products by index letters: ``te.einsum("ij,jk->ik", A, B)``, in NumPy's grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from texpr.errors import DTypeError, ShapeError, TexprError, shown
from texpr.ir.dtypes import as_dtype
from texpr.ir.expr import Expr, Load, as_expr, binary, cast, is_const
from texpr.ir.itervar import IterVar
from texpr.ir.program import ZERO
from texpr.te import reducers
from texpr.te.shapes import agreed, is_same_extent
from texpr.te.tags import COMM_REDUCE, INJECTIVE
from texpr.te.whole import WholeTensor

DOTS = "..."


def einsum(subscripts: object, *operands: Any, dtype: object = None) -> Any:
    """Multiply the operands and sum over the indices that the output lacks.

    One ``te.compute`` whatever the number of operands, in the order given; its axes are named by
    the letters. The elements are multiplied and summed in their common type, as NumPy does, so
    narrow integers wrap; ``dtype`` converts them first.

    Parameters
    ----------
    subscripts : str
        The letters of the dimensions of each operand, separated by commas, then ``->`` and those
        of the result. Without ``->`` it has, in alphabetical order, the letters that occur once.
        ``...`` stands for the dimensions that have no letter, which broadcast. A letter that
        comes twice in one operand takes the diagonal.
    *operands : Tensor, or a scalar for no letters
    dtype : str or DType, optional
        The type to multiply and sum in.

    Raises
    ------
    TexprError
        Letters that make no sense.
    ShapeError
        Letters that do not fit the operands: their number, their dimensions, their extents.
    DTypeError
        Operands of bool, or none that is a tensor.

    >>> from texpr import te
    >>> A, B = te.placeholder((4, 8), name="A"), te.placeholder((8, 5), name="B")
    >>> C = te.einsum("ij,jk->ik", A, B)
    >>> print(te.create_schedule(C.op))
    def T_einsum(A: float32[4, 8], B: float32[8, 5], T_einsum: out float32[4, 5]):
        for i in range(4):
            for k in range(5):
                T_einsum[i, k] = 0.0
                for j in range(8):
                    T_einsum[i, k] += A[i, j]*B[j, k]
    """
    if not isinstance(subscripts, str):
        raise DTypeError(
            f"einsum: the subscripts are {shown(subscripts)}; "
            f"pass a string such as 'ij,jk->ik' first and then the tensors"
        )
    for x in operands:
        if not isinstance(x, WholeTensor):
            as_expr(x)  # a scalar, which stays as weakly typed as it is, or an error
    spec = _read(subscripts, operands)
    return _contracted("einsum", spec, operands, None if dtype is None else as_dtype(dtype))


def matmul(a: Any, b: Any) -> Any:
    """Return the matrix product ``a @ b`` by NumPy's rules.

    A vector on the left is a row, on the right a column, and the result lacks that dimension.
    Dimensions before the last two broadcast.

    Raises
    ------
    ShapeError
        A scalar, or inner extents that differ.
    DTypeError
        An operand that is no tensor.

    >>> from texpr import te
    >>> A, B = te.placeholder((7, 4, 8), name="A"), te.placeholder((8, 5), name="B")
    >>> A @ B
    <tensor T_matmul: float32[7, 4, 5]>
    """
    for x in (a, b):
        if not isinstance(x, WholeTensor):
            raise DTypeError(f"matmul: {shown(x)} is no tensor; pass two, or multiply with *")
        if not x.ndim:
            raise ShapeError(f"matmul: {x!r} is a scalar; multiply with *")
    row, column = ("i",) if a.ndim > 1 else (), ("j",) if b.ndim > 1 else ()
    inner = a.shape[-1], b.shape[-2 if column else -1]
    if not is_same_extent(*inner):
        raise ShapeError(
            f"matmul: the last extent of {a!r} is {inner[0]} and the "
            f"{'last but one' if column else 'one'} of {b!r} is {inner[1]}; they must be equal"
        )
    batch = _broadcast_labels((a.ndim - len(row) - 1, b.ndim - len(column) - 1))
    spec = Spec(
        f"{''.join(row)}k,k{''.join(column)}",
        ((*batch[0], *row, "k"), (*batch[1], "k", *column)),
        (*max(batch, key=len), *row, *column),
    )
    return _contracted("matmul", spec, [a, b], None)


@dataclass(frozen=True)
class Spec:
    """The indices of the dimensions of every operand, and of the result."""

    text: str
    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]


def _broadcast_labels(counts: Sequence[int]) -> list[tuple[str, ...]]:
    """Name the dimensions without letters, which are aligned at their ends."""
    most = max(counts, default=0)
    return [tuple(f"b{k}" for k in range(most - count, most)) for count in counts]


# ---------------------------------------------------------------- reading


def _read(subscripts: str, operands: Sequence[Any]) -> Spec:
    text = subscripts.replace(" ", "")
    inputs_text, arrow, output_text = text.partition("->")
    if "->" in output_text:
        raise TexprError(f"einsum: {subscripts!r} has -> twice; write it once")
    terms = inputs_text.split(",")
    if len(terms) != len(operands):
        raise ShapeError(
            f"einsum: {subscripts!r} has subscripts for {len(terms)} operands and "
            f"{len(operands)} follow; pass an operand for each part between commas"
        )
    _check_letters(subscripts, [*terms, output_text])
    for position, (term, x) in enumerate(zip(terms, operands, strict=True)):
        _check_count(subscripts, position, term, x)
    counts = [_ndim(x) - len(_letters(term)) for term, x in zip(terms, operands, strict=True)]
    batch = _broadcast_labels(counts)
    dots = max(batch, key=len)
    inputs = tuple(_labels(term, own) for term, own in zip(terms, batch, strict=True))
    once = "".join(inputs_text.replace(DOTS, "").split(","))
    if not arrow:
        output = (*dots, *sorted(letter for letter in once if once.count(letter) == 1))
        return Spec(subscripts, inputs, output)
    _check_output(subscripts, output_text, once, dots)
    return Spec(subscripts, inputs, _labels(output_text, dots))


def _letters(term: str) -> str:
    return term.replace(DOTS, "")


def _labels(term: str, dots: tuple[str, ...]) -> tuple[str, ...]:
    before, found, after = term.partition(DOTS)
    return (*before, *(dots if found else ()), *after)


def _ndim(x: Any) -> int:
    return x.ndim if isinstance(x, WholeTensor) else 0


def _check_letters(subscripts: str, terms: Sequence[str]) -> None:
    for term in terms:
        if term.count(DOTS) > 1 or "." in _letters(term):
            raise TexprError(
                f"einsum: {term!r} in {subscripts!r} has dots that are not one '...'; "
                f"write three in a row, at most once for each operand"
            )
        for letter in _letters(term):
            if not (letter.isascii() and letter.isalpha()):
                raise TexprError(
                    f"einsum: {letter!r} in {subscripts!r} is no index; "
                    f"write letters from a to z or A to Z, ',', '->' and '...'"
                )


def _check_count(subscripts: str, position: int, term: str, x: Any) -> None:
    count, ndim = len(_letters(term)), _ndim(x)
    if count == ndim or (count < ndim and DOTS in term):
        return
    hint = "" if count > ndim else ", or '...' for the dimensions without a letter"
    raise ShapeError(
        f"einsum: {term!r} in {subscripts!r} names {count} of the {ndim} dimensions of "
        f"operand {position}, {x!r}; write a letter for each{hint}"
    )


def _check_output(subscripts: str, output: str, once: str, dots: tuple[str, ...]) -> None:
    for letter in _letters(output):
        if letter not in once:
            raise TexprError(
                f"einsum: index {letter!r} of the output of {subscripts!r} is in no operand; "
                f"leave it out, or name a dimension so"
            )
        if output.count(letter) > 1:
            raise TexprError(
                f"einsum: index {letter!r} comes {output.count(letter)} times in the output of "
                f"{subscripts!r}; write it once"
            )
    if dots and DOTS not in output:
        raise ShapeError(
            f"einsum: '...' stands for {len(dots)} dimension{'s' * (len(dots) != 1)} in "
            f"{subscripts!r} and the output has none; write '...' after -> as well, "
            f"or letters to sum over"
        )


# ---------------------------------------------------------------- declaring


def _contracted(name: str, spec: Spec, operands: Sequence[Any], dtype: Any) -> Any:
    tensors = [x for x in operands if isinstance(x, WholeTensor)]
    if not tensors:
        raise DTypeError(f"{name}: none of the operands is a tensor; pass one, or multiply with *")
    extents = _extents(name, spec, operands)
    axes = {
        label: IterVar(label, (ZERO, extent), is_reduce=label not in spec.output)
        for label, extent in extents.items()
    }

    def element(x: Any, labels: tuple[str, ...]) -> Any:
        if isinstance(x, WholeTensor):
            x = Load(
                x,
                [
                    ZERO if is_const(extent, 1) else axes[label].var
                    for label, extent in zip(labels, x.shape, strict=True)
                ],
            )
        return x if dtype is None else cast(as_expr(x, dtype), dtype)

    elements = [element(x, own) for x, own in zip(operands, spec.inputs, strict=True)]
    for x in elements:
        if isinstance(x, Expr) and x.dtype.is_bool:
            raise DTypeError(f"{name}: {x} is bool; cast it to a number, .astype('int32')")
    value = as_expr(reduce(partial(binary, "mul"), elements))
    axis = [axes[label] for label in spec.output]
    summed = [k for k in axes.values() if k.is_reduce]
    if not summed:
        return tensors[0].made(name, axis, (value,), INJECTIVE)
    return tensors[0].made(name, axis, reducers.sum(value, axis=summed), COMM_REDUCE)


def _extents(name: str, spec: Spec, operands: Sequence[Any]) -> dict[str, Expr]:
    """Return the extent of every index, in order of appearance.

    Raises
    ------
    ShapeError
        An index of two extents.
    """
    extents: dict[str, Expr] = {}
    source: dict[str, int] = {}
    for position, (x, labels) in enumerate(zip(operands, spec.inputs, strict=True)):
        for label, own in zip(labels, x.shape if labels else (), strict=True):
            what = f"index {label!r}" if len(label) == 1 else "a dimension of '...'"
            first = x.shape[labels.index(label)]
            if not is_same_extent(first, own):
                raise ShapeError(
                    f"{name}: {what} of {spec.text!r} is {first} and {own}, both in operand "
                    f"{position}, {x!r}; a diagonal needs equal extents"
                )
            both = agreed(extents.get(label, own), own)
            if both is None:
                raise ShapeError(
                    f"{name}: {what} of {spec.text!r} is {extents[label]} in operand "
                    f"{source[label]} and {own} in operand {position}; extents must be equal or 1"
                )
            if both is not extents.get(label):
                extents[label], source[label] = both, position
    return extents
