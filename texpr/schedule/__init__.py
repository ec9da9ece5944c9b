"""How a program is to run: schedules, stages, primitives and their traces."""

from texpr.schedule.schedule import Schedule
from texpr.schedule.stage import Stage
from texpr.schedule.trace import Trace

__all__ = ["Schedule", "Stage", "Trace"]
