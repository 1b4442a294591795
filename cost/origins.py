"""Where a contraction's operands are when its kernel starts, and its result when it ends."""

from dataclasses import dataclass
from typing import Literal

Start = Literal["dram", "host", "resident"]
"""In DRAM, in host layout; in the host's hands; in PIM memory, where the kernel needs it."""


@dataclass(frozen=True)
class Origins:
    """The starts of both operands, and where the result ends."""

    vector: Start = "dram"
    matrix: Start = "resident"
    result: Literal["dram", "host"] = "dram"
