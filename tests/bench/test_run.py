"""A run with peers that are made up: who is measured, who is wrong, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from texpr.bench import run as bench_run
from texpr.bench.peers import PEERS, Peer, Prepared, is_installed
from texpr.bench.process import PeerError, PeerProcess
from texpr.bench.results import OWN, Ceilings, Report, Result, best_peer, ceilings_of, ratio
from texpr.bench.run import choose_peers, choose_threads, choose_workloads, compare, run_benchmark
from texpr.bench.worker import Seat
from texpr.bench.workloads import Reference
from texpr.bench.workloads.ceilings import copy, peak
from texpr.bench.workloads.gelu import gelu
from texpr.bench.workloads.products import batched_matmul, gemm, gemv
from texpr.bench.workloads.softmax import softmax
from texpr.errors import TexprError
from texpr.target.target import Target
from texpr.target.timing import Timing

GEMM = gemm(4, 5, 6)


class Fake(Seat):
    """A peer in this process that computes what NumPy does, and takes a time that is said."""

    def __init__(self, name="texpr", time_ns=1e6, shift=0.0, kinds=("gemm",)):
        class Own(Peer):
            package = "numpy"

            def versions(self):
                return {name: "1.0"}

            def prepared(self, kind, inputs):
                if kind not in kinds:
                    return None
                return Prepared(lambda: None, lambda: inputs[0] @ inputs[1] + np.float32(shift))

        Own.name = name
        super().__init__(Own(1))
        self.time_ns, self.is_closed = time_ns, False

    def elapsed_ns(self, count):
        return count * self.time_ns

    def close(self):
        self.is_closed = True


def compared(*fakes, workload=GEMM, ceilings=None):
    running = {fake.peer.name: fake for fake in fakes}
    found = compare(
        workload, Reference.of(workload), running, 1, ceilings or Ceilings(1), budget_s=0.0
    )
    return {result.peer: result for result in found}


def test_ratios_and_rates():
    found = compared(Fake(), Fake("fast", 5e5), Fake("slow", 4e6))
    assert {name: result.state for name, result in found.items()} == dict.fromkeys(found, "timed")
    assert found["fast"].ratio.median == pytest.approx(0.5)
    assert found["slow"].ratio.median == pytest.approx(4)
    assert found[OWN].ratio is None
    assert found[OWN].rate == pytest.approx(GEMM.flops / 1e6)
    assert best_peer(found.values(), GEMM.name, 1) is found["fast"]


def test_the_part_of_the_ceiling():
    roofs = Ceilings(1, {"float32": 2 * GEMM.flops / 1e6}, {"copy": 1e9})
    assert compared(Fake(), ceilings=roofs)[OWN].part_of_ceiling == pytest.approx(0.5)
    narrow = Ceilings(1, {"float32": 1e9}, {"copy": GEMM.size_bytes / 1e6, "triad": 0.0})
    assert compared(Fake(), ceilings=narrow)[OWN].part_of_ceiling == pytest.approx(1)
    assert Ceilings(1).time_ns(GEMM) is None


def test_who_is_wrong_is_shown_and_not_timed():
    found = compared(Fake(), Fake("wrong", 1.0, shift=1e-3), Fake("other", 2e6))
    assert found["wrong"].state == "wrong"
    assert found["wrong"].timing is None
    assert found["wrong"].error > 1
    assert "times what rounding explains" in found["wrong"].why
    assert best_peer(found.values(), GEMM.name, 1) is found["other"]
    report = Report({}, {}, {}, 0.0, results=list(found.values()))
    assert report.has_wrong


def test_where_texpr_is_wrong_there_is_no_ratio():
    found = compared(Fake(shift=1.0), Fake("other"))
    assert found["other"].ratio is None
    assert found["other"].state == "timed"


def test_who_has_no_such_workload_is_absent():
    found = compared(Fake(), Fake("other", kinds=("gemv",)))
    assert (found["other"].state, found["other"].why) == ("absent", "other has no gemm")
    assert not Report({}, {}, {}, 0.0, results=list(found.values())).has_wrong


def test_who_fails_is_named():
    class Failing(Fake):
        def prepare(self, workload):
            raise PeerError("failing", "RuntimeError: out of luck")

    found = compared(Fake(), Failing("failing"))
    assert (found["failing"].state, found["failing"].why) == (
        "failed", "failing: RuntimeError: out of luck",
    )  # fmt: skip


def test_who_crashes_while_it_is_timed_does_not_take_the_others_along():
    class Crashing(Fake):
        calls = 0

        def elapsed_ns(self, count):
            self.calls += 1
            if self.calls > 5:
                raise PeerError("crashing", "its process ended with -11")
            return super().elapsed_ns(count)

    found = compared(Fake(), Crashing("crashing"), Fake("other", 2e6))
    assert (found["crashing"].state, found["crashing"].why) == (
        "failed", "crashing: its process ended with -11",
    )  # fmt: skip
    assert found["crashing"].timing is None
    assert found["other"].ratio.median == pytest.approx(2)


def whole(monkeypatch, **fakes):
    """Run with fakes in place of the peers."""
    peers = [type(name, (Peer,), {"name": name, "package": "numpy"}) for name in fakes]
    return run_benchmark(
        [GEMM, gemv(4, 4)], peers, [1, 2], budget_s=0.0, with_ceilings=False,
        start=lambda peer, num_threads: fakes[peer.name](),
    )  # fmt: skip


def test_a_whole_run(monkeypatch):
    made = []

    def start(**options):
        def fake():
            made.append(Fake(**options))
            return made[-1]

        return fake

    def broken():
        raise PeerError("broken", "ImportError: libfoo.so is missing")

    report = whole(
        monkeypatch, texpr=start(), other=start(name="other", time_ns=3e6), broken=broken
    )
    assert [(r.workload, r.peer, r.num_threads, r.state) for r in report.results] == [
        ("gemm-4x5x6", "texpr", 1, "timed"), ("gemm-4x5x6", "other", 1, "timed"),
        ("gemv-4", "texpr", 1, "absent"), ("gemv-4", "other", 1, "absent"),
        ("gemm-4x5x6", "texpr", 2, "timed"), ("gemm-4x5x6", "other", 2, "timed"),
        ("gemv-4", "texpr", 2, "absent"), ("gemv-4", "other", 2, "absent"),
    ]  # fmt: skip
    assert report.missing == {"broken": "broken: ImportError: libfoo.so is missing"}
    assert report.peers == {"texpr": {"texpr": "1.0"}, "other": {"other": "1.0"}}
    assert len(made) == 4
    assert all(fake.is_closed for fake in made)


def test_who_is_not_installed_is_named():
    class Nowhere(Peer):
        name = "nowhere"
        package = "no_such_package_anywhere"

    report = run_benchmark(
        [GEMM], [Nowhere], [1], with_ceilings=False, start=lambda peer, num_threads: None
    )
    assert report.missing == {"nowhere": "not installed: pip install no_such_package_anywhere"}
    assert report.results == []


def test_json_has_everything(monkeypatch):
    report = whole(monkeypatch, texpr=Fake, other=lambda: Fake("other", 3e6))
    report.ceilings.append(Ceilings(1, {"float32": 100.0}, {"copy": 10.0}))
    found = json.loads(json.dumps(report.to_json()))
    assert set(found) == {
        "schema", "machine", "peers", "missing", "budget_s", "ceilings", "results",
    }  # fmt: skip
    assert {
        "cpu",
        "num_cores",
        "l1d_bytes",
        "l2_bytes",
        "l3_bytes",
        "date",
        "target",
        "load",
    } <= set(found["machine"])
    own, other = found["results"][:2]
    assert set(own) == {
        "workload", "peer", "num_threads", "unit", "state", "why", "error", "prepare_s", "timing",
        "rate", "part_of_ceiling", "ratio", "time_ns", "is_best_peer",
    }  # fmt: skip
    assert (own["is_best_peer"], other["is_best_peer"]) == (False, True)
    assert other["time_ns"] == {"low": 3e6, "median": 3e6, "high": 3e6}
    assert other["ratio"]["median"] == pytest.approx(3)
    assert other["timing"]["samples_ns"] == [3e6] * 5
    assert found["ceilings"][0]["peak_gflops"] == {"float32": 100.0}


def test_ratios_are_of_rounds():
    drifting = Timing((1.0, 10.0, 100.0), 1)
    assert ratio(drifting, Timing((2.0, 20.0, 200.0), 1)).high == 2


def test_ceilings_are_the_best_samples():
    target = Target.host()
    chains, stream = peak(target, 1, "float32"), copy(1000)
    found = ceilings_of(2, [(chains, Timing((1e6, 2e6), 1)), (stream, Timing((1e3, 2e3), 1))])
    assert found.peak_gflops == {"float32": chains.flops / 1e6}
    assert found.bandwidth_gb_s == {"copy": 16.0}


def test_a_ceiling_that_is_wrong_ends_the_run():
    with pytest.raises(TexprError, match=r"ceiling 'peak-float32' is absent: .* --no-ceilings"):
        bench_run.measure_ceilings(Fake(), 1, 0.0, lambda: 0.0)


def test_choosing():
    assert [w.name for w in choose_workloads(["gelu-16M"])] == ["gelu-16M"]
    assert choose_workloads([]) == list(bench_run.WORKLOADS)
    assert [peer.name for peer in choose_peers(["numpy"])] == ["texpr", "numpy"]
    assert [peer.name for peer in choose_peers([])] == list(PEERS)
    assert choose_threads("2, 1") == [2, 1]
    assert choose_threads("all")[0] >= 1


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda: choose_workloads(["gem-512"]), "no workload is called 'gem-512'; did you mean"),
        (lambda: choose_workloads(["x*"]), r"no workload is called 'x\*'; there are gemm-512, "),
        (lambda: choose_peers(["nunpy"]), "no peer is called 'nunpy'; did you mean 'numpy'"),
        (lambda: choose_threads("0"), "'0' is no number of threads; write numbers and all"),
        (lambda: choose_threads("1,"), "'' is no number of threads"),
    ],
)  # fmt: skip
def test_unknown_names(choose, words):
    with pytest.raises(TexprError, match=words):
        choose()


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if is_installed(peer)])
def test_every_library_that_is_here_does_what_it_has_right(name):
    process = PeerProcess(PEERS[name], 1)
    try:
        assert name in process.versions()
        for workload in (
            GEMM, gemm(45, 70, 33), gemm(45, 70, 33, "float64"), gemv(47, 90), softmax(5, 7),
            softmax(9, 100), gelu(5), gelu(1000), batched_matmul(3, 17, 20, 9),
        ):  # fmt: skip
            if not hasattr(PEERS[name], workload.kind):
                continue
            assert process.prepare(workload) > 0
            assert Reference.of(workload).error(process.result()) <= 1
            assert process.elapsed_ns(2) > 0
            assert Reference.of(workload).error(process.result()) <= 1
            process.forget()
    finally:
        process.close()


def test_a_process_tells_what_it_lacks_and_what_went_wrong():
    process = PeerProcess(PEERS["numpy"], 1)
    try:
        assert process.prepare(replace(GEMM, kind="no_such_kind")) is None
        with pytest.raises(PeerError, match=r"numpy: TypeError: .*softmax"):
            process.prepare(replace(GEMM, kind="softmax"))
        assert process.prepare(GEMM) > 0  # it goes on
    finally:
        process.close()


def test_a_process_that_cannot_load_its_library():
    class Broken(PEERS["numpy"]):
        name = "nobody"

    with pytest.raises(PeerError, match="nobody: its process ended with 1"):
        PeerProcess(Broken, 1)


def test_results_of_others_do_not_mix():
    mine = Result("w", "a", 1, "GB/s", "timed", timing=Timing((1.0,), 1))
    assert best_peer([mine], "w", 2) is None
    assert best_peer([mine], "v", 1) is None
    assert best_peer([replace(mine, peer=OWN)], "w", 1) is None
