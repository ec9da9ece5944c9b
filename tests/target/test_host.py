"""Cores, caches and memory of this machine and of machines made of files."""

from __future__ import annotations

import pytest

from texpr.target import host
from texpr.target.host import Caches


def cache_folder(tmp_path, *caches):
    for index, (kind, level, size, line) in enumerate(caches):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        (folder / "type").write_text(f"{kind}\n")
        (folder / "level").write_text(f"{level}\n")
        (folder / "size").write_text(f"{size}\n")
        (folder / "coherency_line_size").write_text(f"{line}\n")
    return tmp_path


def test_caches_of_a_linux_machine(tmp_path):
    folder = cache_folder(
        tmp_path,
        ("Data", 1, "48K", 64),
        ("Instruction", 1, "32K", 64),
        ("Unified", 2, "1280K", 64),
        ("Unified", 3, "30M", 64),
    )
    assert host._sysfs_caches(folder) == Caches(48 << 10, 1280 << 10, 30 << 20, 64)


def test_two_levels_and_a_long_line(tmp_path):
    folder = cache_folder(tmp_path, ("Data", 1, "128K", 128), ("Unified", 2, "12M", 128))
    assert host._sysfs_caches(folder) == Caches(128 << 10, 12 << 20, 0, 128)


def test_files_that_say_nothing(tmp_path):
    folder = cache_folder(tmp_path, ("Data", 1, "", 64), ("Unified", "x", "1M", 64))
    assert host._sysfs_caches(folder) is None
    assert host._sysfs_caches(tmp_path / "nowhere") is None


def test_every_source_may_be_silent(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "SYSFS_CACHES", tmp_path)
    monkeypatch.setattr(host, "_sysconf", lambda name: 0)
    monkeypatch.setattr(host, "_darwin_caches", lambda: None)
    assert host.caches.__wrapped__() == host.DEFAULT_CACHES


def test_glibc_answers_where_sysfs_is_hidden(monkeypatch):
    sizes = {"SC_LEVEL1_DCACHE_SIZE": 32768, "SC_LEVEL2_CACHE_SIZE": 1 << 20}
    monkeypatch.setattr(host, "_sysconf", lambda name: sizes.get(name, 0))
    assert host._sysconf_caches() == Caches(32768, 1 << 20, 0, 64)


def control_group(tmp_path, own, **quotas):
    (tmp_path / "cgroup").write_text(f"9:name=systemd:/\n{own}\n")
    root = tmp_path / "root"
    for group, text in quotas.items():
        folder = root if group == "root" else root / group.replace("_", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(text)
    return root, tmp_path / "cgroup"


@pytest.mark.parametrize(
    ("own", "quotas", "cores"),
    [
        ("0::/", {"root": "200000 100000\n"}, 2),
        ("0::/", {"root": "250000 100000\n"}, 3),
        ("0::/", {"root": "max 100000\n"}, None),
        ("0::/a/b", {"a": "300000 100000\n", "a_b": "max 100000\n"}, 3),
        ("0::/a/b", {"a": "300000 100000\n", "a_b": "50000 100000\n"}, 1),
        ("8:pids:/", {}, None),
    ],
)
def test_quota_of_a_control_group(tmp_path, own, quotas, cores):
    assert host._cgroup_cores(*control_group(tmp_path, own, **quotas)) == cores


def test_no_control_groups(tmp_path, monkeypatch):
    assert host._cgroup_cores(tmp_path, tmp_path / "nowhere") is None
    everything = host.num_cores()
    monkeypatch.setattr(host, "_cgroup_cores", lambda *_: 1)
    assert host.num_cores() == 1
    monkeypatch.setattr(host, "_cgroup_cores", lambda *_: 10**6)
    assert host.num_cores() >= everything


def test_apple(monkeypatch):
    values = {
        "hw.perflevel0.l1dcachesize": 131072,
        "hw.perflevel0.l2cachesize": 12 << 20,
        "hw.cachelinesize": 128,
    }
    monkeypatch.setattr(host, "_sysctl_int", values.get)
    assert host._darwin_caches() == Caches(131072, 12 << 20, 0, 128)


def test_sysctl_numbers_and_texts(monkeypatch):
    monkeypatch.setattr(host, "_sysctl", lambda name: (65536).to_bytes(8, "little"))
    assert host._sysctl_int("hw.memsize") == 65536
    monkeypatch.setattr(host, "_sysctl", lambda name: b"Apple M1\0")
    assert host._sysctl_text("machdep.cpu.brand_string") == "Apple M1"
    monkeypatch.setattr(host, "_sysctl", lambda name: None)
    assert host._sysctl_int("x") is None
    assert host._sysctl_text("x") is None


def test_this_machine():
    assert host.num_cores() >= 1
    assert host.caches().l1d_bytes >= 1024
    assert host.memory_bytes() is None or host.memory_bytes() > 1 << 24
    assert host.cpu_brand()


def test_cores_follow_the_affinity_mask(monkeypatch):
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert host.num_cores() == 1


def test_brand_is_read_from_cpuinfo(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n")
    assert host.cpu_brand(file) == "Some CPU @ 3 GHz"
    assert host.cpu_brand(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "size"), [("64", 64), ("48K", 49152), ("2M", 1 << 21), ("1g", 1 << 30)]
)
def test_sizes(text, size):
    assert host.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "1.5M", "-1", "12Q", "²"])
def test_sizes_that_are_none(text):
    with pytest.raises(ValueError, match="is not a number of bytes; write it like"):
        host.parse_size(text)
