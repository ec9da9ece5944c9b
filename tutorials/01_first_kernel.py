# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first kernel in ten minutes
#
# We multiply two matrices: first as slowly as it is written down, then about as fast as one
# core can. Three words carry the whole story. A *declaration* says what to compute. A *schedule*
# says how: in which order, in which pieces, in which lanes. A *kernel* is the machine code, called
# like a Python function.

# %%
import numpy as np

import texpr
from texpr import te

# %% [markdown]
# ## Declare
#
# `placeholder` is an array that the kernel will be given, `reduce_axis` something to sum over, and
# `compute` a rule for each element of a new array. Nothing runs yet: `A[i, k]` is an expression.

# %%
N, M, K = 510, 500, 490

A = te.placeholder((N, K), name="A")
B = te.placeholder((K, M), name="B")
k = te.reduce_axis((0, K), name="k")
C = te.compute((N, M), lambda i, j: te.sum(A[i, k] * B[k, j], axis=k), name="C")

A[3, k] * B[k, 5]

# %% [markdown]
# ## Look
#
# A schedule starts as the declaration read aloud, and prints as loops at any moment.

# %%
s = te.create_schedule(C.op)
print(s)

# %% [markdown]
# ## Run it as it is
#
# `build` takes the schedule and the arguments in the order in which you want to pass them. The
# output may be left out of the call; then it is made for you.

# %%
plain = texpr.build(s, [A, B, C], name="plain")

random = np.random.default_rng(0)
a = random.standard_normal((N, K), dtype="float32")
b = random.standard_normal((K, M), dtype="float32")

c = plain(a, b)
np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)
plain.time(a, b, c)

# %% [markdown]
# Right, but slow: the innermost loop walks down a column of `B`, a new cache line at every step,
# and adds up one number at a time.
#
# ## Schedule
#
# First cut the output into tiles of 6 × 32 elements. `tile` splits two loops and puts the inner
# parts innermost. 32 does not divide 500: the loop nest says what happens at the edge.

# %%
i, j = s[C].op.axis
i_o, j_o, i_i, j_i = s[C].tile(i, j, 6, 32)
print(s)

# %% [markdown]
# Now let the sum run *outside* the tile: every step takes one column of 6 elements of `A`, one row
# of 32 elements of `B`, and updates all 192 sums, which stay in registers.

# %%
s[C].reorder(i_o, j_o, k, i_i, j_i)
print(s)

# %% [markdown]
# The row of 32 goes into vector lanes, and the 6 rows are written out one after the other.

# %%
s[C].vectorize(j_i)
s[C].unroll(i_i)
print(s)

# %% [markdown]
# Everything that was done is on record, as Python that does it again:

# %%
print(s.trace)

# %% [markdown]
# ## Build and compare

# %%
tiled = texpr.build(s, [A, B, C], name="tiled")
np.testing.assert_allclose(tiled(a, b), a @ b, rtol=1e-4, atol=1e-4)

for kernel in (plain, tiled):
    print(f"{kernel.name:6}", kernel.time(a, b, c))

# %% [markdown]
# What the loops have become, if you want to know: `tiled.program` is the program after the last
# pass, `tiled.llvm` LLVM's code, `tiled.asm` the assembly. Count the fused multiply-adds:

# %%
print(sum("fmadd" in line or "fmla" in line for line in tiled.asm.splitlines()))

# %% [markdown]
# ## Errors that help
#
# A step that cannot be taken is refused where you take it, and the schedule stays as it was. The
# iterations over `k` all add to the same sum, and would race:

# %%
try:
    s[C].parallel(k)
except texpr.ScheduleError as error:
    print(error)

# %%
try:
    s[C].split(j_o, factor=0)
except texpr.ScheduleError as error:
    print(error)

# %% [markdown]
# A call with the wrong array says so in words:

# %%
try:
    tiled(a.astype("float64"), b)
except texpr.DTypeError as error:
    print(error)

# %%
try:
    tiled(a[:, 1:], b)
except texpr.ShapeError as error:
    print(error)

# %% [markdown]
# And a step that was a mistake can be taken back:

# %%
s[C].split(j_o, factor=4)
s.undo()
print(s.trace)

# %% [markdown]
# ## Any size
#
# Sizes need not be numbers. A kernel over `n` compiles once and runs for every length.

# %%
n = te.size_var("n")
X = te.placeholder((n,), name="X")
Y = te.compute((n,), lambda i: te.exp(X[i]) / (te.exp(X[i]) + 1), name="Y")
t = te.create_schedule(Y.op)
i_o, i_i = t[Y].split(Y.op.axis[0], factor=16)
t[Y].vectorize(i_i)
print(t)

logistic = texpr.build(t, [X, Y], name="logistic")
for length in (0, 1, 15, 16, 17, 1000):
    x = random.standard_normal(length, dtype="float32")
    np.testing.assert_allclose(logistic(x), 1 / (1 + np.exp(-x)), rtol=1e-5)

# %% [markdown]
# Where to go on: `texpr demo` does the first half of this for 1024 × 1024 matrices and compares
# with NumPy on one thread, `texpr doctor` shows what texpr sees of your machine.
