"""What programs use of ``tvm.contrib``."""

from texpr.compat.tvm.advice import getattr_of

__getattr__ = getattr_of(__name__)
