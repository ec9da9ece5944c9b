"""What code is made for: a processor, its vector registers, its caches, its number of cores."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from functools import cache

from texpr import config
from texpr.errors import TargetError, did_you_mean
from texpr.ir.dtypes import as_dtype
from texpr.target import host
from texpr.target.llvm import query

KINDS = ("llvm",)

# Flag -> what it says, in the order in which str() writes them.
FLAGS = {
    "mtriple": "architecture, vendor and system, such as aarch64-linux-gnu",
    "mcpu": "LLVM's name of the processor; native is this machine's",
    "mattr": "features added and taken away, such as +avx2,-avx512f",
    "num-cores": "cores that a parallel loop may use",
    "vector-width": "bits of a vector register",
    "l1d": "size of a core's first data cache, in bytes or with K, M",
    "l2": "size of its second cache",
    "l3": "size of its third cache, 0 for none",
    "cache-line": "bytes of a cache line",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A machine to make code for.

    Parameters
    ----------
    triple : str
        Architecture, vendor and system, as LLVM writes them.
    cpu : str
        LLVM's name of the processor.
    features : str
        What the processor can and cannot do beyond its name, as LLVM is given it.
    num_cores : int
        Cores that a parallel loop may use.
    vector_bits : int
        Width of the widest vector registers, 0 where there are none.
    num_vector_registers : int
        How many of them there are, 0 where there are none.
    l1d_bytes, l2_bytes, l3_bytes, line_bytes : int
        Data caches that one core sees, 0 where a level does not exist; length of a line.
    is_host : bool
        Whether the code runs on this machine: same architecture and system, and no feature
        of arithmetic that its processor lacks.
    attributes : str
        The part of ``features`` that was asked for by name (the flag ``-mattr``).
    """

    triple: str
    cpu: str
    features: str
    num_cores: int
    vector_bits: int
    num_vector_registers: int
    l1d_bytes: int
    l2_bytes: int
    l3_bytes: int
    line_bytes: int
    is_host: bool
    attributes: str = ""

    @staticmethod
    def host() -> Target:
        """Return this machine.

        >>> Target.host().is_host
        True
        """
        return _host()

    @staticmethod
    def parse(text: str) -> Target:
        """Return the target that ``text`` describes.

        Parameters
        ----------
        text : str
            ``llvm``, then flags ``-name=value``; ``FLAGS`` lists them. What is not said is
            this machine's where the code runs on it, and otherwise the least that any
            processor of the name has.

        Raises
        ------
        TargetError
            There is no such kind, flag, processor or feature, or a value is out of range.

        >>> target = Target.parse("llvm -mtriple=x86_64-linux-gnu -mcpu=znver3 -num-cores=4")
        >>> target.vector_bits, target.num_cores, target.vector_lanes("float64")
        (256, 4, 4)
        >>> Target.parse("lvm")
        Traceback (most recent call last):
        texpr.errors.TargetError: unknown target 'lvm'; did you mean 'llvm'?
        """
        flags = _flags(text)
        triple = flags.get("mtriple", query.process_triple())
        query.architecture(triple)
        here = query.is_this_machine(triple)
        cpu = flags.get("mcpu", "native" if here else query.least_cpu(triple))
        if cpu == "native":
            if not here:
                raise TargetError(
                    f"target: -mcpu=native is this machine's processor, and {triple!r} is "
                    f"another machine; name its processor"
                )
            cpu = query.host_cpu()
        base = _base(triple, cpu, flags.get("mattr", ""))
        return replace(
            base,
            num_cores=_count("num-cores", flags, base.num_cores),
            vector_bits=_width(flags, base.vector_bits),
            l1d_bytes=_size("l1d", flags, base.l1d_bytes, least=1024),
            l2_bytes=_size("l2", flags, base.l2_bytes),
            l3_bytes=_size("l3", flags, base.l3_bytes),
            line_bytes=_size("cache-line", flags, base.line_bytes, least=8),
        )

    @staticmethod
    def of(target: object) -> Target:
        """Return the target that a caller means by ``target``.

        Parameters
        ----------
        target : Target, str or None
            None is the default: this machine, unless ``TEXPR_TARGET`` says otherwise.

        Raises
        ------
        TargetError
            It means none.
        """
        if isinstance(target, Target):
            return target
        if target is None:
            target = config.default_target()
        if not isinstance(target, str):
            raise TargetError(
                f"target: {target!r} is a {type(target).__name__}; "
                f"pass a Target or a text such as 'llvm -mcpu=znver3'"
            )
        return Target.parse(target)

    def vector_lanes(self, dtype: object) -> int:
        """Return how many values of ``dtype`` a vector register holds, at least 1."""
        return max(1, self.vector_bits // (8 * as_dtype(dtype).size_bytes))

    @property
    def has_half(self) -> bool:
        """Whether instructions of its own convert float16 to float32 and back.

        >>> base = "llvm -mtriple=x86_64-linux-gnu -mcpu="
        >>> Target.parse(base + "x86-64").has_half, Target.parse(base + "haswell").has_half
        (False, True)
        """
        return query.has_half(self.triple, self.cpu, self.features)

    @property
    def has_fma(self) -> bool:
        """Whether an instruction multiplies and adds, and rounds once.

        >>> base = "llvm -mtriple=x86_64-linux-gnu -mcpu="
        >>> Target.parse(base + "x86-64").has_fma, Target.parse(base + "haswell").has_fma
        (False, True)
        """
        return query.has_fma(self.triple, self.cpu, self.features)

    @property
    def has_rounding(self) -> bool:
        """Whether instructions round a float to a whole number, up, down and to the nearest.

        >>> base = "llvm -mtriple=x86_64-linux-gnu -mcpu="
        >>> [Target.parse(base + cpu).has_rounding for cpu in ("x86-64", "x86-64-v2")]
        [False, True]
        """
        return query.has_rounding(self.triple, self.cpu, self.features)

    def has_masks(self, bits: int) -> bool:
        """Whether instructions load and store vectors of such elements under a mask.

        >>> base = "llvm -mtriple=x86_64-linux-gnu -mcpu="
        >>> [Target.parse(base + cpu).has_masks(32) for cpu in ("x86-64", "haswell")]
        [False, True]
        """
        return query.has_masks(self.triple, self.cpu, self.features, bits)

    def why_not_here(self) -> str | None:
        """Return why the code does not run on this machine, None where it does."""
        if self.is_host:
            return None
        if not query.is_this_machine(self.triple):
            return f"it is made for {self.triple}, and this machine is {query.process_triple()}"
        missing = query.lacking_features(self.triple, self.cpu, self.features)
        return f"it may use {', '.join(missing)}, which this machine's processor lacks"

    def __str__(self) -> str:
        base = _base(self.triple, self.cpu, self.attributes)
        text = ["llvm"]
        if self.triple != query.process_triple():
            text.append(f"-mtriple={self.triple}")
        text.append(f"-mcpu={self.cpu}")
        if self.attributes:
            text.append(f"-mattr={self.attributes}")
        text.append(f"-num-cores={self.num_cores}")
        rest = {
            "vector-width": (self.vector_bits, base.vector_bits),
            "l1d": (self.l1d_bytes, base.l1d_bytes),
            "l2": (self.l2_bytes, base.l2_bytes),
            "l3": (self.l3_bytes, base.l3_bytes),
            "cache-line": (self.line_bytes, base.line_bytes),
        }
        text += [f"-{name}={value}" for name, (value, usual) in rest.items() if value != usual]
        return " ".join(text)


@cache
def _host() -> Target:
    return Target.parse("llvm")


@cache
def _base(triple: str, cpu: str, attributes: str) -> Target:
    """Return the target with everything else as it is usual for the processor."""
    query.check(triple, cpu, attributes)
    features = query.all_features(triple, cpu, attributes)
    registers = query.vector_registers(triple, cpu, features)
    here = query.is_this_machine(triple)
    is_host = here and not query.lacking_features(triple, cpu, features)
    caches = host.caches() if is_host else host.DEFAULT_CACHES
    return Target(
        triple=triple,
        cpu=cpu,
        features=features,
        num_cores=host.num_cores() if is_host else 1,
        vector_bits=registers.bits,
        num_vector_registers=registers.count,
        l1d_bytes=caches.l1d_bytes,
        l2_bytes=caches.l2_bytes,
        l3_bytes=caches.l3_bytes,
        line_bytes=caches.line_bytes,
        is_host=is_host,
        attributes=attributes,
    )


def _flags(text: str) -> dict[str, str]:
    """Split a target's text into its flags."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TargetError(f"target: {text!r} has an open quote; close it") from error
    if not words:
        raise TargetError("target: the text is empty; write 'llvm' for this machine")
    kind, *rest = words
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise TargetError(f"unknown target {kind!r}{near or '; use ' + ', '.join(KINDS)}")
    flags: dict[str, str] = {}
    for word in rest:
        name, equals, value = word.partition("=")
        key = name.lstrip("-")
        if not name.startswith("-") or key not in FLAGS:
            near = did_you_mean(key, FLAGS).replace("mean '", "mean '-")
            known = ", ".join(f"-{flag}" for flag in FLAGS)
            raise TargetError(f"target: unknown flag {word!r}{near or '; the flags are ' + known}")
        if not (equals and value):
            raise TargetError(f"target: -{key} has no value; write it as -{key}=VALUE")
        if key in flags:
            raise TargetError(f"target: -{key} is given twice; give it once")
        flags[key] = value
    return flags


def _count(name: str, flags: dict[str, str], default: int) -> int:
    text = flags.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise TargetError(f"target: -{name}={text} is not a number of at least 1; write one")
    return int(text)


def _width(flags: dict[str, str], default: int) -> int:
    text = flags.get("vector-width")
    if text is None:
        return default
    widths = [64 << power for power in range(6)]
    if text not in map(str, widths):
        raise TargetError(
            f"target: -vector-width={text} is not the width of a register in bits; "
            f"use one of {', '.join(map(str, widths))}"
        )
    return int(text)


def _size(name: str, flags: dict[str, str], default: int, *, least: int = 0) -> int:
    text = flags.get(name)
    if text is None:
        return default
    try:
        size = host.parse_size(text)
    except ValueError as error:
        raise TargetError(
            f"target: -{name}={text} is not a number of bytes; write it like 32768 or 32K"
        ) from error
    if size < least:
        raise TargetError(f"target: -{name}={text} is less than {least} bytes; write more")
    return size
