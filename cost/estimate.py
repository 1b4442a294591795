"""What the cost model says of a kernel: cycles by cause, commands, bytes, energy."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class CycleParts:
    """Cycles of a kernel by cause; their sum is its time. Adds part by part."""

    host_read: float = 0.0
    """The host reads streamed operands from DRAM, until the last data have arrived."""
    load: float = 0.0
    """Multiplications wait for the vector to load."""
    multiply: float = 0.0
    """Multiplications follow each other in an open row."""
    rows: float = 0.0
    """Multiplications wait for their row, less what moves and loads fill of that time."""
    move: float = 0.0
    """Multiplications wait for results to move out; and the last results move."""
    host_write: float = 0.0
    """The host writes results to DRAM, until the last has recovered."""
    refresh: float = 0.0

    @property
    def cycles(self) -> float:
        """The whole time in cycles of the device's clock."""
        return sum(self.as_dict().values())

    @property
    def compute(self) -> float:
        """Cycles that the multiplications take, with the rows that they wait for."""
        return self.multiply + self.rows

    @property
    def rearrangement(self) -> float:
        """Cycles that operands and results take on their way to and from where they are needed."""
        return self.host_read + self.load + self.move + self.host_write

    def as_dict(self) -> dict[str, float]:
        """Cycles by the name of their cause."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: "CycleParts") -> "CycleParts":
        mine, theirs = self.as_dict(), other.as_dict()
        return CycleParts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True)
class Estimate:
    """Time and work of one kernel call under one schedule."""

    parts: CycleParts
    commands: dict[str, int]
    """Commands issued on all groups, by name; row commands are in `activations`."""
    activations: dict[str, int]
    """Activations on all groups, by the name of the command that opens the row."""
    moved_bytes: int
    """Bytes that data-carrying commands move between host, banks and buffers."""
    host_additions: int
    """Partial sums that the host adds."""
    energy_pj: float

    @property
    def cycles(self) -> float:
        return self.parts.cycles
