"""What programs use of ``tvm.contrib``."""

from texpr.compat.tvm.advice import getattr_of
from texpr.compat.tvm.contrib import cblas, cc, utils

__all__ = ["cblas", "cc", "utils"]

__getattr__ = getattr_of(__name__)
