"""What the first lines of TVM's tutorials ask for."""

from texpr.compat.tvm.advice import getattr_of

__all__ = ["install_request_hook"]


def install_request_hook(depth: int) -> None:
    """Do nothing: it sends the downloads of TVM's own tests elsewhere, and there are none here."""


__getattr__ = getattr_of(__name__)
