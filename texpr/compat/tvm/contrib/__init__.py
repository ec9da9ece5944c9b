"""What programs use of ``tvm.contrib``."""

from texpr.compat.tvm.advice import getattr_of

__all__: list[str] = []

__getattr__ = getattr_of(__name__)
