"""What LLVM knows about processors: names, features, vector registers.

LLVM's C interface has no function for most of these questions, so they are put as experiments:
a tiny function is compiled and the result is looked at. Each takes a few milliseconds and is
done once.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from texpr.errors import TargetError, did_you_mean

# What LLVM needs to be told besides the processor's name: told to make 64-bit code for a
# 32-bit processor it ends the process, and the calling convention of x86_64 passes floats in
# SSE registers. The keys are the architectures that code is made for: 64 bits, little endian.
_ALWAYS = {"x86_64": "+64bit,+sse2", "aarch64": "", "riscv64": "+64bit,-32bit"}

# Assembly names of vector registers, of whatever width.
_VECTOR_REGISTER = {
    "x86_64": re.compile(r"%[xyz]mm(\d+)"),
    "aarch64": re.compile(r"\b[qv](\d+)\b"),
    "riscv64": re.compile(r"\bv(\d+)\b"),
}

# For suggestions only; whether a name exists is asked of LLVM.
_WELL_KNOWN_CPUS = {
    "x86_64": (
        "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "nehalem", "sandybridge", "ivybridge",
        "haswell", "broadwell", "skylake", "skylake-avx512", "cascadelake", "cooperlake",
        "icelake-client", "icelake-server", "tigerlake", "rocketlake", "alderlake", "raptorlake",
        "sapphirerapids", "emeraldrapids", "graniterapids", "arrowlake", "lunarlake",
        "btver2", "bdver4", "znver1", "znver2", "znver3", "znver4", "znver5",
    ),
    "aarch64": (
        "generic", "cortex-a53", "cortex-a55", "cortex-a57", "cortex-a72", "cortex-a73",
        "cortex-a75", "cortex-a76", "cortex-a78", "cortex-x1", "cortex-x2", "neoverse-n1",
        "neoverse-n2", "neoverse-v1", "neoverse-v2", "a64fx", "ampere1", "thunderx2t99",
        "apple-a14", "apple-m1", "apple-m2", "apple-m3", "apple-m4",
    ),
    "riscv64": ("generic-rv64", "sifive-u74", "sifive-p670", "sifive-x280", "spacemit-x60"),
}  # fmt: skip

# The features of x86_64 that code for arithmetic may use; the others (system calls, locks,
# matrix units) may be missing without harm.
_X86_ARITHMETIC = re.compile(r"(sse|ssse|avx|fma|xop|f16c|bmi|lzcnt|popcnt|movbe|tbm|gfni|cmov)")

_NOT_RECOGNIZED = re.compile(r"'([^']*)' is not a recognized (processor|feature) for this target")


@dataclass(frozen=True, slots=True)
class VectorRegisters:
    """Width of the widest vector registers and their number; both 0 where there are none."""

    bits: int
    count: int


def versions() -> dict[str, str]:
    """Return the versions of llvmlite and of the LLVM inside it."""
    return {
        "llvmlite": llvmlite.__version__,
        "LLVM": ".".join(str(part) for part in llvm.llvm_version_info),
    }


def process_triple() -> str:
    """Return the triple of this process: architecture, vendor, system."""
    return str(llvm.get_process_triple())


def host_cpu() -> str:
    """Return LLVM's name of this machine's processor."""
    return str(llvm.get_host_cpu_name())


@cache
def host_features() -> str:
    """Return what this machine's processor can and cannot do, as LLVM's ``+avx2,-avx512f,…``.

    A virtual machine may hide features that the processor's name implies.
    """
    return str(llvm.get_host_cpu_features().flatten())


def is_this_machine(triple: str) -> bool:
    """Whether code for ``triple`` has this process's architecture and operating system."""
    ours, theirs = _parts(process_triple()), _parts(triple)
    return (ours.Arch, ours.OS) == (theirs.Arch, theirs.OS)


def all_features(triple: str, cpu: str, attributes: str) -> str:
    """Return the whole feature string for LLVM; ``attributes`` is what the user added."""
    is_host = is_this_machine(triple) and cpu == host_cpu()
    parts = [host_features() if is_host else "", attributes, _ALWAYS[architecture(triple)]]
    return ",".join(part for part in parts if part)


def least_cpu(triple: str) -> str:
    """Return the processor whose code runs on every machine of the architecture."""
    return {"x86_64": "x86-64", "aarch64": "generic", "riscv64": "generic-rv64"}[
        architecture(triple)
    ]


def architecture(triple: str) -> str:
    """Return the architecture that ``triple`` begins with, in LLVM's spelling.

    Raises
    ------
    TargetError
        Code for it cannot be made.

    >>> architecture("arm64-apple-darwin23.1.0")
    'aarch64'
    """
    arch = str(_parts(triple).Arch)
    if arch not in _ALWAYS:
        first = triple.partition("-")[0]
        raise TargetError(
            f"target: triple {triple!r} has an architecture that texpr makes no code for"
            f"{did_you_mean(first, _ALWAYS) or '; use one of ' + ', '.join(_ALWAYS)}"
        )
    return arch


@cache
def check(triple: str, cpu: str, attributes: str) -> None:
    """Check that LLVM knows the processor and the features.

    Raises
    ------
    TargetError
        It does not; the text names the nearest that it knows.
    """
    arch = architecture(triple)
    for attribute in filter(None, attributes.split(",")):
        if attribute[0] not in "+-" or not attribute[1:]:
            raise TargetError(
                f"target: feature {attribute!r} needs a sign; "
                f"write '+{attribute}' to add it or '-{attribute}' to take it away"
            )
    if cpu == host_cpu() and not attributes:
        return
    unknown = _not_recognized(triple, cpu, attributes)
    if "processor" in unknown:
        known = [name for name in _WELL_KNOWN_CPUS[arch] if _cpu_exists(triple, name)]
        near = did_you_mean(cpu, known)
        raise TargetError(
            f"unknown cpu {cpu!r} for {arch}{near or '; use one of ' + ', '.join(known)}"
        )
    if "feature" in unknown:
        text = unknown["feature"]
        near = ""
        if arch == architecture(process_triple()):  # LLVM lists the names of the host's alone
            near = did_you_mean(text, (text[0] + item[1:] for item in host_features().split(",")))
        raise TargetError(
            f"unknown feature {text!r} for {arch}{near or '; leave it out or mend the spelling'}"
        )


@cache
def vector_registers(triple: str, cpu: str, features: str) -> VectorRegisters:
    """Return the vector registers that LLVM uses for this processor.

    >>> vector_registers("x86_64-unknown-linux-gnu", "x86-64-v3", "")
    VectorRegisters(bits=256, count=16)
    """
    # A product of 512 bits takes as many instructions as it has registers' worth of lanes;
    # a RISC-V instruction may take a group of registers, and says of how many.
    text = _assembly(triple, cpu, features, _products(lanes=16, count=1))
    group = max((int(found) for found in re.findall(r"\be32, m(\d)", text)), default=1)
    instructions = len(re.findall(r"^\s+v?f?mul\S*\s", text, re.MULTILINE))
    bits = 512 // max(1, instructions * group)
    name = _VECTOR_REGISTER[architecture(triple)]
    if bits < 64 or not name.search(text):
        return VectorRegisters(0, 0)
    # More values alive at once than any processor has registers: all of them are used.
    text = _assembly(triple, cpu, features, _products(lanes=bits // 32, count=48))
    return VectorRegisters(bits, 1 + max(int(number) for number in name.findall(text)))


@cache
def has_half(triple: str, cpu: str, features: str) -> bool:
    """Whether LLVM converts float16 to float32 and back without calling a function for it.

    >>> has_half("aarch64-unknown-linux-gnu", "generic", "")
    True
    """
    text = _assembly(
        triple,
        cpu,
        features,
        """define void @convert(ptr %p, ptr %q) {
        %h = load half, ptr %p
        %f = fpext half %h to float
        %g = fadd float %f, 1.0
        %r = fptrunc float %g to half
        store half %r, ptr %q
        ret void }""",
    )
    return not re.search(r"__(extendhfsf2|truncsfhf2|gnu_h2f_ieee|gnu_f2h_ieee)", text)


@cache
def has_fma(triple: str, cpu: str, features: str) -> bool:
    """Whether LLVM multiplies and adds with one rounding without calling ``fma`` for it.

    >>> has_fma("aarch64-unknown-linux-gnu", "generic", "")
    True
    """
    return not re.search(r"\bfmaf\b", _function_of_float(triple, cpu, features, "fma", 3))


@cache
def has_rounding(triple: str, cpu: str, features: str) -> bool:
    """Whether LLVM rounds a float to a whole number without calling ``floor`` for it.

    >>> has_rounding("aarch64-unknown-linux-gnu", "generic", "")
    True
    """
    return not re.search(r"\bfloorf\b", _function_of_float(triple, cpu, features, "floor", 1))


@cache
def has_masks(triple: str, cpu: str, features: str, bits: int) -> bool:
    """Whether instructions load and store vectors of elements of ``bits`` bits under a mask.

    Where there are none, LLVM tests the mask lane by lane, and jumps.

    >>> has_masks("x86_64-unknown-linux-gnu", "x86-64-v3", "", 32)
    True
    """
    lanes = 512 // bits
    vector, mask, align = f"<{lanes} x i{bits}>", f"<{lanes} x i1>", f"i32 {bits // 8}"
    text = _assembly(
        triple,
        cpu,
        features,
        f"""declare {vector} @llvm.masked.load(ptr, i32, {mask}, {vector})
        declare void @llvm.masked.store({vector}, ptr, i32, {mask})
        define void @copy(ptr %p, ptr %q, {mask} %m) {{
        %v = call {vector} @llvm.masked.load(ptr %p, {align}, {mask} %m, {vector} zeroinitializer)
        call void @llvm.masked.store({vector} %v, ptr %q, {align}, {mask} %m)
        ret void }}""",
    )
    return not re.search(r"^\.?LBB", text, re.MULTILINE)  # the label that a jump leads to


@cache
def lacking_features(triple: str, cpu: str, features: str) -> tuple[str, ...]:
    """Return what the processor can and this machine cannot, of what arithmetic may use.

    >>> lacking_features(process_triple(), host_cpu(), host_features())
    ()
    """
    arch = architecture(triple)
    absent = [item[1:] for item in host_features().split(",") if item.startswith("-")]
    if arch == "x86_64":
        absent = [name for name in absent if _X86_ARITHMETIC.match(name)]
    return _implied(triple, cpu, features, absent) if absent else ()


def _implied(triple: str, cpu: str, features: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return those of the features ``wanted`` that the processor has.

    LLVM inlines a function into another only if the caller may do all that the callee may: so
    one function for the processor calls one for each feature, and those that vanish are had.
    """
    least = least_cpu(triple)
    always = _ALWAYS[architecture(triple)]
    lines = [f'target triple = "{triple}"']
    for index, name in enumerate(wanted):
        attributes = ",".join(part for part in (f"+{name}", always) if part)
        lines.append(
            f"define internal i32 @has{index}(i32 %x) "
            f'"target-cpu"="{least}" "target-features"="{attributes}" '
            f"{{ %y = mul i32 %x, {index + 3}\n ret i32 %y }}"
        )
    lines.append(f'define i32 @all(i32 %v0) "target-cpu"="{cpu}" "target-features"="{features}" {{')
    lines += [f"%v{i + 1} = call i32 @has{i}(i32 %v{i})" for i in range(len(wanted))]
    lines.append(f"ret i32 %v{len(wanted)} }}")
    module = llvm.parse_assembly("\n".join(lines))
    machine = _machine(triple, cpu, features)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    called = {int(number) for number in re.findall(r"call .*@has(\d+)\(", str(module))}
    return tuple(name for index, name in enumerate(wanted) if index not in called)


def _products(lanes: int, count: int) -> str:
    """Return LLVM IR that loads ``count`` vectors, squares each, and stores them all.

    Volatile accesses keep their order, so that every vector is alive at the last load.
    """
    vector = f"<{lanes} x float>"
    align = f"align {lanes * 4}"
    lines = ["define void @products(ptr %p) {"]
    for i in range(count):
        lines.append(f"%p{i} = getelementptr {vector}, ptr %p, i64 {i}")
        lines.append(f"%v{i} = load volatile {vector}, ptr %p{i}, {align}")
    for i in range(count):
        lines.append(f"%w{i} = fmul {vector} %v{i}, %v{i}")
        lines.append(f"store volatile {vector} %w{i}, ptr %p{i}, {align}")
    return "\n".join([*lines, "ret void }"])


def _function_of_float(triple: str, cpu: str, features: str, name: str, arity: int) -> str:
    """Return the assembly of a function that is LLVM's intrinsic ``name`` of float32."""
    types = ", ".join(["float"] * arity)
    values = ", ".join(f"float %a{i}" for i in range(arity))
    function = f"""declare float @llvm.{name}.f32({types})
        define float @intrinsic({values}) {{
        %r = call float @llvm.{name}.f32({values})
        ret float %r }}"""
    return _assembly(triple, cpu, features, function)


def _assembly(triple: str, cpu: str, features: str, function: str) -> str:
    module = llvm.parse_assembly(f'target triple = "{triple}"\n{function}')
    return str(_machine(triple, cpu, features).emit_assembly(module))


def _machine(triple: str, cpu: str, features: str) -> Any:
    _initialise()
    try:
        return llvm.Target.from_triple(triple).create_target_machine(
            cpu=cpu, features=features, opt=2
        )
    except RuntimeError as error:
        raise TargetError(
            f"target: LLVM makes no code for the triple {triple!r}; check its spelling"
        ) from error


@cache
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _parts(triple: str) -> Any:
    return llvm.get_triple_parts(triple)


@cache
def _cpu_exists(triple: str, cpu: str) -> bool:
    return "processor" not in _not_recognized(triple, cpu, "")


def _not_recognized(triple: str, cpu: str, attributes: str) -> dict[str, str]:
    """Return the processor and the first feature that LLVM does not know, by those two words."""
    # LLVM takes "help" for a question and answers with a list, once in the life of a process.
    if cpu == "help":
        return {"processor": cpu}
    if any(item in ("+help", "+cpuhelp") for item in attributes.split(",")):
        return {"feature": next(item for item in attributes.split(",") if "help" in item)}
    said = _stderr_of(lambda: _machine(triple, cpu, attributes))
    found: dict[str, str] = {}
    for text, what in _NOT_RECOGNIZED.findall(said):
        found.setdefault(what, text)
    return found


_stderr_lock = threading.Lock()


def _stderr_of(action: Callable[[], object]) -> str:
    """Return what LLVM writes to standard error while ``action`` runs.

    That a name is unknown LLVM says there and nowhere else, straight to file descriptor 2, and
    no function of its C interface asks. So the descriptor leads to a file for the moment (about
    a millisecond, and only where a user names a processor or features). What other threads
    write meanwhile is passed on afterwards.
    """
    with _stderr_lock, tempfile.TemporaryFile() as file:
        try:
            saved = os.dup(2)
        except OSError:  # a process without standard error
            saved = None
        os.dup2(file.fileno(), 2)
        try:
            action()
        finally:
            if saved is None:
                os.close(2)
            else:
                os.dup2(saved, 2)
                os.close(saved)
        file.seek(0)
        lines = file.read().decode(errors="replace").splitlines(keepends=True)
    _pass_on(line for line in lines if not _NOT_RECOGNIZED.search(line))
    return "".join(lines)


def _pass_on(lines: Iterable[str]) -> None:
    text = "".join(lines).encode(errors="replace")
    if text:
        os.write(2, text)
