"""texpr: fast numeric kernels from tensor expressions, every transformation checked exactly."""

from texpr import te
from texpr.driver import build, lower
from texpr.errors import (
    BoundsError,
    DTypeError,
    IllegalScheduleError,
    InternalError,
    LoweringError,
    ScheduleError,
    ShapeError,
    TargetError,
    TexprError,
    TuneError,
    UninitializedError,
)
from texpr.target.kernel import Kernel
from texpr.target.target import Target
