"""Who is compared, in the order of the tables; another library is a file and a line here."""

from __future__ import annotations

import importlib.util

from texpr.bench.peers.halide import Halide
from texpr.bench.peers.jax import Jax
from texpr.bench.peers.numba import Numba
from texpr.bench.peers.numpy import NumPy
from texpr.bench.peers.peer import Peer, Prepared
from texpr.bench.peers.texpr import Texpr
from texpr.bench.peers.torch import Torch

PEERS: dict[str, type[Peer]] = {
    peer.name: peer for peer in (Texpr, NumPy, Torch, Jax, Numba, Halide)
}


def is_installed(peer: type[Peer]) -> bool:
    """Whether there is something to import; it may fail all the same."""
    return importlib.util.find_spec(peer.package) is not None


__all__ = ["PEERS", "Peer", "Prepared", "is_installed"]
