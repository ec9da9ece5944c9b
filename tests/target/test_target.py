"""Targets: parsing, printing, what is derived, and every refusal."""

from __future__ import annotations

import dataclasses
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from texpr.errors import TargetError
from texpr.target import host
from texpr.target.llvm import query
from texpr.target.target import FLAGS, Target

X86 = "-mtriple=x86_64-unknown-linux-gnu"
ARM = "-mtriple=aarch64-unknown-linux-gnu"
RISCV = "-mtriple=riscv64-unknown-linux-gnu"


def test_host_is_what_llvm_alone_means():
    target = Target.host()
    assert target is Target.host()
    assert target == Target.parse("llvm") == Target.parse("llvm -mcpu=native") == Target.of(None)
    assert target.is_host
    assert target.why_not_here() is None
    assert target.num_cores >= 1
    assert target.l1d_bytes > 0
    assert target.line_bytes > 0
    assert target.cpu == query.host_cpu()


@pytest.mark.parametrize(
    ("text", "bits", "registers"),
    [
        (f"{X86} -mcpu=x86-64", 128, 16),
        (f"{X86} -mcpu=x86-64-v3", 256, 16),
        (f"{X86} -mcpu=znver3", 256, 16),
        (f"{X86} -mcpu=skylake-avx512", 512, 32),
        (f"{X86} -mcpu=skylake-avx512 -mattr=-avx512f", 256, 16),
        (f"{ARM} -mcpu=neoverse-n1", 128, 32),
        ("-mtriple=arm64-apple-darwin23.1.0 -mcpu=apple-m1", 128, 32),
        (f"{RISCV} -mcpu=sifive-x280", 512, 32),
        (f"{RISCV} -mattr=+v", 128, 32),
        (RISCV, 0, 0),
    ],
)
def test_vector_registers(text, bits, registers):
    target = Target.parse(f"llvm {text}")
    assert (target.vector_bits, target.num_vector_registers) == (bits, registers)
    assert target.vector_lanes("float32") == max(1, bits // 32)
    assert target.vector_lanes("int8") == max(1, bits // 8)


def test_flags():
    target = Target.parse(
        f"llvm -num-cores=4 {ARM} -mcpu=neoverse-v1 -l1d=64K -l2=1M -l3=0 -cache-line=128"
        f" -vector-width=256 -mattr=+bf16,-sve"
    )
    assert target.num_cores == 4
    assert target.vector_bits == 256
    assert (target.l1d_bytes, target.l2_bytes, target.l3_bytes) == (65536, 1 << 20, 0)
    assert target.line_bytes == 128
    assert target.features == target.attributes == "+bf16,-sve"
    assert not target.is_host or query.process_triple().startswith("aarch64")


def test_least_processor_where_only_the_triple_is_given():
    for triple, cpu in ((X86, "x86-64"), (ARM, "generic"), (RISCV, "generic-rv64")):
        target = Target.parse(f"llvm {triple}")
        if not target.is_host:
            assert target.cpu == cpu
            assert target.num_cores == 1
            assert target.l1d_bytes == host.DEFAULT_CACHES.l1d_bytes


def test_a_32_bit_processor_neither_ends_the_process_nor_loses_its_vectors():
    assert Target.parse(f"llvm {X86} -mcpu=i686").vector_bits == 128
    assert Target.parse(f"llvm {X86} -mcpu=x86-64 -mattr=-sse2,-64bit").vector_bits == 128
    assert Target.parse(f"llvm {RISCV} -mcpu=sifive-e20").vector_bits == 0


cpus = st.sampled_from(
    [f"{X86} -mcpu=znver3", f"{X86} -mcpu=x86-64-v4", f"{ARM} -mcpu=neoverse-n1", "", RISCV]
)
attributes = st.sampled_from(["", "-mattr=+fma", "-mattr=+fma,-avx"])
numbers = st.fixed_dictionaries(
    {},
    optional={
        "num-cores": st.integers(1, 512),
        "vector-width": st.sampled_from([64, 128, 256, 512]),
        "l1d": st.sampled_from(["32K", "49152"]),
        "l2": st.sampled_from(["0", "2M"]),
        "l3": st.sampled_from(["0", "1G"]),
        "cache-line": st.sampled_from([32, 64, 128]),
    },
)


@given(cpu=cpus, attribute=attributes, flags=numbers)
def test_text_parses_to_the_same_target(cpu, attribute, flags):
    if "x86" not in cpu:
        attribute = ""
    words = ["llvm", cpu, attribute, *(f"-{name}={value}" for name, value in flags.items())]
    target = Target.parse(" ".join(words))
    assert Target.parse(str(target)) == target
    assert hash(Target.parse(str(target))) == hash(target)
    assert pickle.loads(pickle.dumps(target)) == target


def test_target_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Target.host().cpu = "other"
    assert Target.of(Target.host()) is Target.host()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lvm", "unknown target 'lvm'; did you mean 'llvm'?"),
        ("cuda", "unknown target 'cuda'; use llvm"),
        ("", "target: the text is empty; write 'llvm' for this machine"),
        ("llvm 'x", 'target: "llvm \'x" has an open quote; close it'),
        ("llvm -mcp=znver3", "target: unknown flag '-mcp=znver3'; did you mean '-mcpu'?"),
        ("llvm znver3", "target: unknown flag 'znver3'; the flags are -mtriple, -mcpu, -mattr, "),
        ("llvm -mcpu", "target: -mcpu has no value; write it as -mcpu=VALUE"),
        ("llvm -mcpu=", "target: -mcpu has no value; write it as -mcpu=VALUE"),
        ("llvm -l2=1K -l2=2K", "target: -l2 is given twice; give it once"),
        ("llvm -num-cores=0", "target: -num-cores=0 is not a number of at least 1; write one"),
        ("llvm -num-cores=two", "target: -num-cores=two is not a number of at least 1; write one"),
        ("llvm -vector-width=100", "target: -vector-width=100 is not the width of a register"),
        ("llvm -l1d=big", "target: -l1d=big is not a number of bytes; write it like 32768 or 32K"),
        ("llvm -l1d=16", "target: -l1d=16 is less than 1024 bytes; write more"),
        (f"llvm {X86} -mcpu=znvr3", "unknown cpu 'znvr3' for x86_64; did you mean 'znver3'?"),
        (f"llvm {X86} -mcpu=help", "unknown cpu 'help' for x86_64; use one of x86-64, "),
        (f"llvm {ARM} -mcpu=cortexa72", "unknown cpu 'cortexa72' for aarch64; did you mean 'cort"),
        (f"llvm {ARM} -mcpu=qq -mattr=+q", "unknown cpu 'qq' for aarch64; use one of generic, "),
        (f"llvm {ARM} -mattr=+qqqq", "unknown feature '+qqqq' for aarch64; "),
        (f"llvm {X86} -mattr=+avx3", "unknown feature '+avx3' for x86_64; "),
        (f"llvm {X86} -mattr=+cpuhelp", "unknown feature '+cpuhelp' for x86_64; "),
        (
            "llvm -mattr=avx2",
            "target: feature 'avx2' needs a sign; write '+avx2' to add it or '-avx2' to take it",
        ),
        ("llvm -mtriple=foo-bar", "target: triple 'foo-bar' has an architecture that texpr makes"),
        (
            "llvm -mtriple=x86-64-linux",
            "target: triple 'x86-64-linux' has an architecture that texpr makes no code for; did",
        ),
        (
            "llvm -mcpu=native -mtriple=riscv64-linux-gnu",
            "target: -mcpu=native is this machine's processor, and 'riscv64-linux-gnu' is another",
        ),
    ],
)
def test_refusals(text, message, capfd):
    with pytest.raises(TargetError) as caught:
        Target.parse(text)
    assert str(caught.value).startswith(message)
    assert "did you mean" in str(caught.value) or ";" in str(caught.value)
    assert capfd.readouterr().err == "", "LLVM's own words must not reach the user"


def test_refuses_what_is_no_target():
    with pytest.raises(TargetError, match="target: 3 is a int; pass a Target or a text such as"):
        Target.of(3)


def test_default_target_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("TEXPR_TARGET", f"llvm {ARM} -mcpu=neoverse-n1")
    assert Target.of(None).cpu == "neoverse-n1"


def test_why_not_here():
    if not query.process_triple().startswith("riscv"):
        why = Target.parse(f"llvm {RISCV}").why_not_here()
        assert why is not None
        assert why.startswith("it is made for riscv64-unknown-linux-gnu, and this machine is ")


@pytest.mark.skipif(not query.process_triple().startswith("x86_64"), reason="features of x86_64")
def test_a_target_with_features_that_this_machine_lacks_is_not_the_host():
    assert Target.parse("llvm -mcpu=x86-64").is_host
    # 3DNow's and Bulldozer's instructions are on no machine that is still sold.
    target = Target.parse("llvm -mcpu=bdver2")
    if not target.is_host:
        assert "fma4" in str(target.why_not_here())


def test_what_others_write_to_stderr_is_passed_on(capfd):
    query.check.cache_clear()

    def noisy():
        sys.stderr.flush()
        query.os.write(
            2, b"somebody else's line\n'x' is not a recognized processor for this target\n"
        )

    said = query._stderr_of(noisy)
    assert "somebody else's line" in said
    assert capfd.readouterr().err == "somebody else's line\n"


def test_flags_are_all_explained():
    assert all(FLAGS.values())
