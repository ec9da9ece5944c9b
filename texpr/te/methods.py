"""What NumPy's arrays have as methods: slices, the matrix product, reductions, other shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from texpr.errors import DTypeError, TexprError
from texpr.ir.expr import Expr, as_expr, binary, cast
from texpr.te import reducers
from texpr.te.broadcast import elementwise
from texpr.te.dimensions import dimensions
from texpr.te.einsum import matmul
from texpr.te.reshape import reshape
from texpr.te.shapes import product
from texpr.te.slices import subscripted
from texpr.te.transpose import transpose
from texpr.te.whole import WholeTensor


class TensorMethods(WholeTensor):
    """The methods of a tensor that make other tensors.

    ``axis=`` of a reduction is the number of a dimension or several, all unless given; negative
    ones count from the end. ``keepdims`` keeps the dimensions with extent 1.
    """

    def __getitem__(self, subscript: object) -> Any:
        return subscripted(self, subscript if isinstance(subscript, tuple) else (subscript,))

    def __setitem__(self, subscript: object, value: object) -> None:
        raise TexprError(
            f"{self.name}: a tensor is never assigned to, its rule gives every element its value; "
            f"declare a tensor with te.compute, te.if_then_else chooses between two values"
        )

    def elementwise(self, function: Callable[..., Expr], name: str, operands: Sequence[Any]) -> Any:
        """Return the tensor of ``function(name, *elements)`` over the operands, broadcast."""
        return elementwise(function, name, operands)

    def __pos__(self) -> Any:
        return self if self.ndim else as_expr(self)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The tensor with its dimensions in the reverse order."""
        return transpose(self)

    def transpose(self, *axes: Any) -> Any:
        """Return the tensor with its dimensions in another order, reversed unless given."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            return transpose(self, axes[0])
        return transpose(self, axes or None)

    def reshape(self, *shape: Any) -> Any:
        """Return the elements in another shape; one extent may be -1."""
        is_one = len(shape) == 1 and isinstance(shape[0], (tuple, list))
        return reshape(self, shape[0] if is_one else shape)

    def sum(self, axis: Any = None, keepdims: bool = False, dtype: object = None) -> Any:
        """Return the sums over ``axis``, as :func:`texpr.te.sum`."""
        return reducers.sum(self, axis=self._over(axis), keepdims=keepdims, dtype=dtype)

    def prod(self, axis: Any = None, keepdims: bool = False, dtype: object = None) -> Any:
        """Return the products over ``axis``, as :func:`texpr.te.prod`."""
        return reducers.prod(self, axis=self._over(axis), keepdims=keepdims, dtype=dtype)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the greatest elements over ``axis``, NaN where one is."""
        return reducers.max(self, axis=self._over(axis), keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the least elements over ``axis``, NaN where one is."""
        return reducers.min(self, axis=self._over(axis), keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return whether some element is true, of bools."""
        return reducers.any(self, axis=self._over(axis), keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return whether all elements are true, of bools."""
        return reducers.all(self, axis=self._over(axis), keepdims=keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the index of the greatest element; ``te.argmax`` returns its value as well."""
        return _alone(reducers.argmax(self, axis=self._over(axis), keepdims=keepdims), "argmax")

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the index of the least element; ``te.argmin`` returns its value as well."""
        return _alone(reducers.argmin(self, axis=self._over(axis), keepdims=keepdims), "argmin")

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the means over ``axis`` of floats: the sum, divided by the number of elements.

        Raises
        ------
        DTypeError
            Integers, which have no type for a mean.
        """
        if not self.dtype.is_float:
            raise DTypeError(
                f"mean: {self!r} has no fractions; cast it first, {self.name}.astype('float64')"
            )
        total = self.sum(axis, keepdims)
        over = dimensions(self, self._over(axis), "mean")
        count = cast(product([self.shape[own] for own in over]), total.dtype)
        return elementwise(lambda _, x, n: binary("div", x, n), "mean", (total, count))

    def var(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the mean of the squared distances from the mean."""
        distance = self - self.mean(axis, keepdims=True)
        return (distance * distance).mean(axis, keepdims)

    def _over(self, axis: Any) -> Any:
        return tuple(range(self.ndim)) if axis is None else axis


def _alone(pair: Any, name: str) -> Any:
    """Return the index without its value, which as an output of its own would come along."""
    return elementwise(lambda _, index: index, name, (pair[0],))
