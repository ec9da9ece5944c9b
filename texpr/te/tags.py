"""Tags: a word on an operation that tells what kind it is, by which stages are found.

texpr's own operators use the words of TVM's operators: ``elemwise``, ``broadcast``, ``injective``
and ``comm_reduce``; a tag never changes what is computed.
"""

from __future__ import annotations

import warnings
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from texpr.errors import DTypeError, TexprError, TexprWarning, shown

ELEMWISE = "elemwise"
"""An element is made of the elements at the same place."""
BROADCAST = "broadcast"
"""As elemwise, but some operand is smaller and each of its elements is read at several places."""
INJECTIVE = "injective"
"""An element is one of another tensor, at another place."""
COMM_REDUCE = "comm_reduce"
"""An element is made of many."""


@dataclass
class _Scope:
    tag: str
    is_used: bool = False


_scope: ContextVar[_Scope | None] = ContextVar("tag_scope", default=None)


class TagScope(ContextDecorator):
    """What :func:`tag_scope` returns: for a ``with`` block, or to decorate a function."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def __enter__(self) -> None:
        outer = _scope.get()
        if outer is not None:
            raise TexprError(
                f"tag_scope: {self.tag!r} inside the scope of {outer.tag!r}, and an operation has "
                f"one tag; end the first scope before the second"
            )
        _scope.set(_Scope(self.tag))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scope = _scope.get()
        _scope.set(None)
        if kind is None and scope is not None and not scope.is_used:
            warnings.warn(
                f"tag_scope: no operation was declared in the scope of {self.tag!r}; "
                f"leave it out, or put the te.compute inside",
                TexprWarning,
                stacklevel=2,
            )


def tag_scope(tag: object) -> TagScope:
    """Give every operation that is declared in a ``with`` block, or by a function, a tag.

    Parameters
    ----------
    tag : str
        Any word; it takes the place of the one that an operator would have given.

    Raises
    ------
    TexprError
        On entry, inside another scope; and in the scope, for a ``te.compute`` with its own tag.
    DTypeError
        ``tag`` is no string.

    >>> from texpr import te
    >>> A = te.placeholder((4,), name="A")
    >>> with te.tag_scope("double"):
    ...     B = te.compute((4,), lambda i: A[i] * 2, name="B")
    >>> B.op.tag
    'double'
    >>> @te.tag_scope("activation")
    ... def relu(x):
    ...     return te.max(x, 0.0)
    >>> relu(A).op.tag
    'activation'
    """
    if not isinstance(tag, str) or not tag:
        raise DTypeError(f"tag_scope: the tag is {shown(tag)}; pass a word, such as 'elemwise'")
    return TagScope(tag)


def tag_of_scope() -> str | None:
    """Return the tag of the scope around, None where there is none."""
    scope = _scope.get()
    if scope is None:
        return None
    scope.is_used = True
    return scope.tag


def declared_tag(own: object, what: str) -> str:
    """Return the tag of an operation that the user gives the tag ``own``, or none.

    Raises
    ------
    TexprError
        It has one and stands in a scope as well.
    DTypeError
        ``own`` is no string.
    """
    if not isinstance(own, str):
        raise DTypeError(f"{what}: the tag is {shown(own)}; pass a word, such as 'elemwise'")
    around = tag_of_scope()
    if around is None:
        return own
    if own:
        raise TexprError(
            f"{what}: tag={own!r} in the tag_scope of {around!r}, and an operation has one tag; "
            f"leave one of them out"
        )
    return around
