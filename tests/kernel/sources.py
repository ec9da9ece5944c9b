"""Random sources of kernels, which Python executes without an error."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

HEAD = "def f(n: size, alpha: f32, A: f64[N], B: f32[N, M], C: i32[N], D: i64[M], U: u8[N]):"

INDENT = "    "


class Writer:
    """Writes one kernel.

    Scalars are read only where they surely have a value, subscripts are taken modulo the extent,
    and values stay small: what is left must mean the same to Python and to us.
    """

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.depth = 0
        self.loops: list[str] = []
        self.arrays: list[str] = []
        self.defined: set[str] = set()
        self.fresh = 0

    def number(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def choice(self, *options: Any) -> Any:
        return options[self.number(0, len(options) - 1)]

    def line(self, text: str) -> None:
        self.lines.append(INDENT * self.depth + text)

    def new(self, name: str) -> str:
        self.fresh += 1
        return f"{name}{self.fresh}"

    # ------------------------------------------------------------ expressions

    def known(self, *names: str) -> list[str]:
        return sorted(self.defined & set(names))

    def weak(self, depth: int = 2) -> str:
        """Python's own integers: loop variables, sizes, numbers."""
        leaves = [*self.loops, *self.known("c", "k"), "N", "M", "n", str(self.number(-2, 5))]
        kind = self.number(0, 9) if depth else 0
        if kind < 4:
            return self.choice(*leaves)
        a, b = self.weak(depth - 1), self.weak(depth - 1)
        if kind < 6:
            return f"({a} {self.choice('+', '-')} {b})"
        if kind == 6:
            return f"({a} * {self.number(-2, 3)})"
        if kind == 7:
            return f"({a} {self.choice('//', '%')} {self.choice(2, 3, -3, 5)})"
        if kind == 8:
            return f"{self.choice('max', 'min')}({a}, {b})"
        return f"({a} if {self.condition(depth - 1)} else {b})"

    def index(self, extent: str) -> str:
        if self.loops and self.number(0, 1):
            shift = self.choice("", "+ 1", "- 1", f"+ {self.loops[0]}")
            return f"({self.choice(*self.loops)}{shift}) % {extent}"
        return f"{self.weak(1)} % {extent}"

    def element(self, array: str) -> str:
        if array == "B":
            first, second = self.index("N"), self.index("M")
            return f"B[{first}][{second}]" if self.number(0, 5) == 0 else f"B[{first}, {second}]"
        if array in self.arrays:
            return f"{array}[{self.index('3')}]"
        extent = "M" if array == "D" else self.choice("N", f"{array}.shape[0]", f"len({array})")
        return f"{array}[{self.index(extent)}]"

    def integer(self, depth: int = 2) -> str:
        """Integers of the arrays' types, and Python's."""
        kind = self.number(0, 7) if depth else 0
        if kind < 2:
            return self.choice(self.element("C"), self.element("D"), *self.known("d"))
        if kind == 2:
            return self.weak(1)
        a, b = self.integer(depth - 1), self.weak(depth - 1)
        if kind < 5:
            return f"({a} {self.choice('+', '-', '&', '|', '^')} {b})"
        if kind == 5:
            return f"({a} {self.choice('//', '%')} {self.choice(2, 3, -3)})"
        if kind == 6:
            return f"({a} if {self.condition(depth - 1)} else {b})"
        return f"({a} {self.choice('+', '-')} {self.integer(depth - 1)})"

    def single(self, depth: int = 2) -> str:
        """Values of float32."""
        kind = self.number(0, 6) if depth else 0
        if kind < 2:
            return self.choice("alpha", self.element("B"), *self.known("r"))
        a = self.single(depth - 1)
        if kind < 4:
            b = self.choice(self.single(depth - 1), self.weak(1), "0.1")
            return f"({a} {self.choice('+', '-')} {b})"
        if kind == 4:
            return f"({self.choice('0.5', '-0.3', '1')} * {a})"
        if kind == 5:
            return f"{self.choice('max', 'min')}({a}, {self.single(depth - 1)})"
        return f"({a} if {self.condition(depth - 1)} else {self.single(depth - 1)})"

    def double(self, depth: int = 2) -> str:
        """Values of float64."""
        kind = self.number(0, 8) if depth else 0
        if kind < 2:
            arrays = [self.element(array) for array in ("A", *self.arrays)]
            return self.choice(*arrays, *self.known("s"))
        a = self.double(depth - 1)
        if kind < 4:
            other = self.choice(self.double, self.single, self.weak, self.integer)(depth - 1)
            return f"({a} {self.choice('+', '-')} {other})"
        if kind == 4:
            return f"({self.choice('0.5', '-0.3', '1')} * {a})"
        if kind == 5:
            return f"{a} / {self.choice('2', '3.0', '-4')}"
        if kind == 6:
            return f"{self.choice('abs', 'float', 'np.float64', '-', 'math.fabs')}({a})"
        if kind == 7:
            return f"{self.choice('max', 'min')}({a}, {self.double(depth - 1)})"
        return f"({a} if {self.condition(depth - 1)} else {self.double(depth - 1)})"

    def condition(self, depth: int = 2) -> str:
        kind = self.number(0, 9) if depth else self.number(0, 3)
        if kind < 2:
            return f"{self.weak(1)} {self.choice('<', '<=', '==', '!=', '>')} {self.weak(1)}"
        if kind == 2:
            return f"{self.choice(*self.loops, 'n')} % 2 == 0"
        if kind == 3:
            return self.choice(*self.known("flag"), f"{self.element('C')} > {self.number(-3, 3)}")
        if kind == 4:
            return f"{self.double(depth - 1)} {self.choice('<', '>=')} {self.double(depth - 1)}"
        if kind == 5:
            return f"{self.weak(0)} <= {self.weak(1)} < {self.choice('N', 'M', '3')}"
        if kind == 6:
            return f"not {self.condition(depth - 1)}"
        if kind == 7:
            return f"{self.integer(depth - 1)} < {self.weak(1)}"
        word = self.choice("and", "or")
        return f"({self.condition(depth - 1)} {word} {self.condition(depth - 1)})"

    # ------------------------------------------------------------ statements

    def suite(self, room: int, least: int = 1) -> None:
        self.depth += 1
        arrays = list(self.arrays)
        for _ in range(self.number(least, 3)):
            self.statement(room)
        self.arrays = arrays
        self.depth -= 1

    def statement(self, room: int) -> None:
        kind = self.number(0, 17 if room else 8)
        if kind < 3:
            self.assign_element()
        elif kind < 6:
            self.assign_scalar()
        elif kind == 6:
            self.assign_index()
        elif kind == 7:
            self.assign_together()
        elif kind == 8:
            self.update()
        elif kind < 14:
            self.loop(room)
        elif kind < 17:
            self.branch(room)
        else:
            self.local_array()

    def value_for(self, array: str) -> str:
        if array == "A" or array in self.arrays:
            return self.choice(self.double, self.single, self.weak)(2)
        if array == "B":
            return self.choice(self.single, self.single, self.double)(2)
        if array == "U":
            return f"({self.integer()}) & 127"
        return self.integer()

    def assign_element(self) -> None:
        array = self.choice("A", "B", "C", "D", "U", *self.arrays)
        op = "" if array == "U" else self.choice("", "", "+", "-")
        self.line(f"{self.element(array)} {op}= {self.value_for(array)}")

    def update(self) -> None:
        place = self.element(self.choice("A", *self.arrays))
        self.line(f"{place} = {self.choice('max', 'min')}({place}, {self.double()})")

    def assign_scalar(self) -> None:
        name = self.choice("s", "r", "c", "d", "flag")
        makers = {"s": self.double, "r": self.single, "d": self.integer, "flag": self.condition}
        if name == "c":
            self.line(f"c = ({self.weak()}) % 7")
        elif name in self.defined and name != "flag" and self.number(0, 1):
            self.line(f"{name} {self.choice('+', '-')}= {makers[name](1)}")
        elif name == "d":  # of one type, whatever it starts with
            self.line(f"d = np.int64({self.integer()})")
        else:
            value = makers[name](2)
            # A comparison with a Python bool for a start; the same type to Python and to us.
            self.line(f"{name} = {value}" if name != "flag" else f"flag = bool({value})")
        self.defined.add(name)

    def assign_index(self) -> None:
        self.line(f"k = {self.weak()}")
        self.defined.add("k")

    def assign_together(self) -> None:
        if self.number(0, 1):
            self.line(f"A[{self.index('N')}] = s = {self.double()}")
        else:
            self.line(f"s, A[{self.index('N')}] = {self.double()}, {self.double()}")
        self.defined.add("s")

    def loop(self, room: int) -> None:
        name = self.new("i")
        end = self.choice("N", "M", "n", "3", *self.loops)
        first, last = self.choice("0", "1", *self.loops), self.choice(end, f"{end} + 1")
        steps = (f"{last}, {first}, -1", f"{first}, {last}, 2", f"{end} - 1, -1, -2")
        bounds = self.choice(end, end, f"{first}, {last}", f"{first}, {last}", *steps)
        self.line(f"for {name} in range({bounds}):")
        before = set(self.defined)
        self.loops.append(name)
        self.suite(room - 1)
        self.loops.pop()
        self.defined = before

    def branch(self, room: int) -> None:
        before = set(self.defined)
        self.line(f"if {self.condition()}:")
        self.suite(room - 1)
        after = self.defined
        if self.number(0, 3) == 0:
            self.defined = set(before)
            self.line(f"elif {self.condition(1)}:")
            self.suite(room - 1)
            after &= self.defined
        self.defined = set(before)
        if self.number(0, 1):
            self.line("else:")
            self.suite(room - 1)
        self.defined &= after
        self.defined |= before

    def local_array(self) -> None:
        name, index = self.new("t"), self.new("i")
        self.line(f'{name} = empty({self.choice("3", "(3,)")}, "float64")')
        self.line(f"for {index} in range(3):")
        self.line(f"{INDENT}{name}[{index}] = {self.double(1)} + {index}")
        self.arrays.append(name)


@st.composite
def sources(draw: Any) -> str:
    """The source of a kernel with the arguments of ``HEAD``."""
    writer = Writer(draw)
    writer.lines = ["@kernel", HEAD]
    writer.suite(3, least=2)
    return "\n".join(writer.lines) + "\n"
