"""Exact analysis of loop trees with isl: which instances run, what they access, what is legal.

``context`` holds an isl context and its budget, ``affine`` turns expressions into the values and
regions of ``region``, ``domain`` says which instances of a statement run, ``accesses`` what they
touch and under which guards, ``counterexample`` picks the smallest point of a set. ``subscripts``
proves that subscripts stay inside their buffers, ``bounds`` refuses or marks those that do not.
"""
