"""How a program is to run: schedules, stages, primitives and their traces."""

from texpr.schedule.schedule import Schedule, schedule_of
from texpr.schedule.stage import Stage
from texpr.schedule.trace import Trace

__all__ = ["Schedule", "Stage", "Trace", "schedule_of"]
