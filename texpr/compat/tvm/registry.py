"""Python functions by name: ``tvm.register_func`` and ``tvm.get_global_func``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from texpr.errors import ArgumentError, did_you_mean, shown

_Function = TypeVar("_Function", bound=Callable[..., Any])

_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def register_func(
    func_name: Any, f: Callable[..., Any] | None = None, override: bool = False
) -> Any:
    """Give a Python function a name; a decorator where ``f`` is not given.

    Raises
    ------
    ArgumentError
        No name or no function; the name is taken, and ``override`` is not set.

    >>> @register_func("doc.add_one")
    ... def add_one(x):
    ...     return x + 1
    >>> get_global_func("doc.add_one")(2)
    3
    """
    if callable(func_name):
        return register_func(func_name.__name__, func_name, override)

    if not isinstance(func_name, str) or not (f is None or callable(f)):
        raise ArgumentError(
            f"register_func: {shown(func_name)} and {shown(f)} are no name and function; "
            f"write register_func('mine.f', f)"
        )

    def register(function: _Function) -> _Function:
        if func_name in _FUNCTIONS and not override:
            raise ArgumentError(
                f"register_func: {func_name!r} is taken; choose another name, or pass override=True"
            )
        _FUNCTIONS[func_name] = function
        return function

    return register if f is None else register(f)


def get_global_func(name: str, allow_missing: bool = False) -> Any:
    """Return the function that was given a name.

    Raises
    ------
    ArgumentError
        There is none, and ``allow_missing`` is not set.
    """
    if name in _FUNCTIONS or allow_missing:
        return _FUNCTIONS.get(name)
    near = did_you_mean(str(name), _FUNCTIONS)
    raise ArgumentError(
        f"get_global_func: no function {name!r}{near or '; register it by tvm.register_func'}"
    )
