"""Reverse-mode differentiation of tensor expressions."""

from texpr.te.autodiff.reverse import gradient as gradient
