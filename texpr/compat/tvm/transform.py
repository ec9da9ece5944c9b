"""``tvm.transform.PassContext``, whose settings texpr has no use for, and says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from texpr.compat.tvm.advice import getattr_of
from texpr.errors import ArgumentError

__all__ = ["PassContext"]

_ALWAYS: Final = ("tir.instrument_bound_checkers", "te.keep_schedule_record", "tir.noalias")
"""Settings for what texpr does anyhow: it proves bounds, keeps a trace, knows what is disjoint."""

_ADVICE: Final[Mapping[str, str]] = {
    "tir.disable_vectorize": "do not vectorize, s[C].vectorize(…)",
    "tir.UnrollLoop": "unroll the loop, s[C].unroll(i)",
    "tir.LoopPartition": "loops are cut where guards begin, whenever that helps",
    "tir.add_lower_pass": "print(kernel.program) shows what the passes made",
}


class PassContext:
    """A ``with`` block for settings of the lowering; ``opt_level`` has no effect here.

    Raises
    ------
    ArgumentError
        A setting that would change something in TVM and does not here.

    >>> with PassContext(opt_level=3):
    ...     pass
    """

    def __init__(
        self,
        opt_level: int = 2,
        required_pass: Collection[str] = (),
        disabled_pass: Collection[str] = (),
        instruments: Collection[Any] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        for name, given in (
            ("required_pass", required_pass),
            ("disabled_pass", disabled_pass),
            ("instruments", instruments),
        ):
            if given:
                raise ArgumentError(
                    f"PassContext: {name} has no meaning here; leave it out, and watch the stages "
                    f"of a build by TEXPR_DEBUG=3"
                )
        self.opt_level, self.config = opt_level, dict(config or {})
        for key, value in self.config.items():
            if value and key not in _ALWAYS:
                advice = _ADVICE.get(key, "leave it out")
                raise ArgumentError(f"PassContext: {key!r} has no meaning here; {advice}")

    def __enter__(self) -> PassContext:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was set."""


__getattr__ = getattr_of(__name__)
