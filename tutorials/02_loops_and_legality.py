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
# # Loops, and what may be done to them
#
# Not everything is a tensor expression: a stencil that updates its array in place, a scan, a
# triangular solve are loops. Write them as loops; the schedule is the same, and so is the judge
# that looks at every step.

# %%
import numpy as np

import texpr

N, M = texpr.size("N"), texpr.size("M")


@texpr.kernel
def seidel(T: texpr.size, A: texpr.f64[N, N]):
    for t in range(T):  # noqa: B007 - time
        for i in range(1, N - 1):
            for j in range(1, N - 1):
                A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1]) / 4.0


print(seidel)

# %% [markdown]
# A call compiles it and runs it. The interpreter executes the same program literally, slowly, and
# checks every access.

# %%
a = np.random.default_rng(0).random((40, 40))
b = a.copy()
seidel(5, a)
seidel.interpret(5, b)
np.testing.assert_allclose(a, b, rtol=1e-12)

# %% [markdown]
# ## May I?
#
# Two runs of a statement *depend* on each other where they touch one cell and one of them writes
# it. A schedule is legal if no such pair changes its order. The judge answers exactly, for all
# sizes, and names the smallest pair that would.

# %%
s = texpr.create_schedule(seidel)
try:
    s["S0"].reorder("i", "t", "j")
except texpr.IllegalScheduleError as error:
    print(error)

# %% [markdown]
# `why_not` asks without trying; None means that nothing speaks against it. The verdict has fields
# as well as words.

# %%
print(s["S0"].why_not("reorder", "t", "j", "i"))
verdict = s["S0"].why_not("parallel", "i")
print(verdict.dependence, dict(verdict.source.values), dict(verdict.sink.values), verdict.cell)

# %% [markdown]
# ## Distances and lanes
#
# Four lanes do not meet a dependence of distance four; eight do.


# %%
@texpr.kernel
def ahead(A: texpr.f64[132]):
    for i in range(128):
        A[i + 4] = A[i] + 1


s = texpr.create_schedule(ahead)
print(s["S0"].why_not("vectorize", "i", lanes=8))
s["S0"].vectorize("i", lanes=4)
print(s)

# %% [markdown]
# ## A triangle
#
# Loops whose bounds depend on each other change places like any others; the bounds follow.


# %%
@texpr.kernel
def lower_half(A: texpr.f64[N, N], B: texpr.f64[N, N]):
    for i in range(N):
        for j in range(i + 1):
            B[i, j] = 2 * A[i, j]


s = texpr.create_schedule(lower_half)
s["S0"].reorder("j", "i")
print(texpr.lower(s))

# %% [markdown]
# ## The order of a sum
#
# A loop kernel declares an order, and a floating-point sum keeps it: rounding depends on it. Say
# that it is free, and the report says what that may cost.


# %%
@texpr.kernel
def total(A: texpr.f32[1024], S: texpr.f32[1]):
    for k in range(1024):
        S[0] += A[k]


print(texpr.create_schedule(total)["S0"].why_not("vectorize", "k"))
s = texpr.create_schedule(total, fp="reassoc")
s["S0"].vectorize("k", lanes=16)
print(s.report())

# %% [markdown]
# ## When nobody can know
#
# Where a subscript is data the answer may be neither yes nor no. You may know better: then say so,
# and the responsibility is yours. `TEXPR_VERIFY=2` compares every call with the interpreter.


# %%
@texpr.kernel
def scatter(rows: texpr.i32[N], A: texpr.f64[N], H: texpr.f64[M]):
    for i in range(N):
        H[rows[i]] = A[i]


s = texpr.create_schedule(scatter)
print(s["S0"].why_not("parallel", "i"))
s.assume("H")
s.parallel("i")
print(s)
