"""Calls of functions from outside, under TVM's names and on TVM's arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from texpr import te
from texpr.compat.tvm.nd import NDArray
from texpr.compat.tvm.registry import get_global_func

_FAST_FUNCTIONS_OF_CUDA = (
    "__expf", "__exp10f", "__logf", "__log2f", "__log10f", "__powf", "__sinf", "__cosf", "__tanf",
)  # fmt: skip


def call_packed(function: str | Callable[..., Any], *args: Any) -> Any:
    """Call a Python function of whole tensors when the kernel runs, in the rule of a te.extern.

    Parameters
    ----------
    function : str or callable
        A name given by ``tvm.register_func``, or the function itself. It gets an array of
        ``tvm.nd`` on the kernel's own memory for each tensor, and fills those of outputs.
    *args
        Tensors, expressions of sizes, and numbers.

    Raises
    ------
    ArgumentError
        No function has that name.
    """
    called = get_global_func(function) if isinstance(function, str) else function

    @functools.wraps(called)
    def on_arrays(*values: Any) -> None:
        called(*(NDArray(x) if isinstance(x, np.ndarray) else x for x in values))

    return te.call_packed(on_arrays, *args)


def call_pure_extern(dtype: object, func_name: Any, *args: Any) -> Any:
    """Call a function of scalars; as :func:`texpr.te.call_pure_extern`.

    The fast functions of CUDA, ``__expf`` and the like, are those of C here.
    """
    if func_name in _FAST_FUNCTIONS_OF_CUDA:
        func_name = func_name.removeprefix("__")
    return te.call_pure_extern(dtype, func_name, *args)
