"""Errors under TVM's names: ``except tvm.TVMError`` takes all that texpr raises."""

from texpr.compat.tvm.advice import getattr_of
from texpr.errors import InternalError
from texpr.errors import TexprError as TVMError

__all__ = ["InternalError", "TVMError"]

__getattr__ = getattr_of(__name__)
