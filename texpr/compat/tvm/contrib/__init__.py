"""What programs use of ``tvm.contrib``."""

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.contrib import cblas

__all__ = ["cblas"]

__getattr__ = getattr_of(__name__)
