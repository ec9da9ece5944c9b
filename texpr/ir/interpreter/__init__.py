"""The reference interpreter: what an expression and a Program mean, executed literally.

Nothing here is shared with the simplifier or with code generation; both are tested against it.
``scalar`` says what operators do to values, ``expression`` evaluates a tree of them,
``memory`` holds cells and refuses what must not be read, ``statement`` runs the loop tree.
"""

from texpr.ir.interpreter.expression import evaluate
from texpr.ir.interpreter.statement import interpret

__all__ = ["evaluate", "interpret"]
