"""Where a contraction's operands are when its kernel starts."""

from dataclasses import dataclass
from typing import Literal

Start = Literal["dram", "host", "resident"]
"""In DRAM, in host layout; in the host's hands; in PIM memory, where the kernel needs it."""


@dataclass(frozen=True)
class Origins:
    """The starts of both operands."""

    vector: Start = "dram"
    matrix: Start = "resident"
