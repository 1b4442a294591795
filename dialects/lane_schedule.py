"""Schedules of kernels that compute where the host has put their data, column by column.

    columns: 4; registers: grf_a, grf_b; rows: shared

As many columns of every bank as `columns` says go through all steps of a kernel together, their
intermediates in the register files that `registers` names, in order. `rows:` says whether each
tensor begins in a row of its `own` or all lie in one `shared` row, where they fit.

Of a reduction, `columns` are those that units add up for each result; with none the host reads and
adds all.

Pure mathematics, no IR and no device.
"""

from dataclasses import dataclass

from pim_opt.dialects.schedule_error import ScheduleError

ROW_USES = ("own", "shared")
KEYS = ("columns", "registers", "rows")
KINDS = ("elementwise", "reduction")
"""Classes of kernels that take such a schedule."""


@dataclass(frozen=True)
class LaneSchedule:
    """Batches of columns, the registers that they use, and how tensors share rows."""

    columns: int
    """Columns of a bank in one batch; of a reduction, those that units add up for each result."""
    registers: tuple[str, ...]
    """Register files, filled one after the other."""
    rows: str = "own"
    """One of ROW_USES."""

    def __str__(self) -> str:
        return f"columns: {self.columns}; registers: {', '.join(self.registers)}; rows: {self.rows}"

    @property
    def stages(self) -> "tuple[LaneSchedule]":
        return (self,)


def speaks_of_lanes(text: str) -> bool:
    """Whether a schedule's text has the parts of a LaneSchedule."""
    return any(part.split(":")[0].strip() in KEYS[:2] for part in text.split(";"))


def parse_lane_schedule(text: str) -> LaneSchedule:
    """Read a schedule from its line of text.

    Raises:
        ScheduleError: a part is missing, given twice, or cannot be read.
    """
    parts: dict[str, str] = {}
    for part in (piece.strip() for piece in text.split(";") if piece.strip()):
        key, _, rest = (piece.strip() for piece in part.partition(":"))
        if key not in KEYS:
            raise ScheduleError(f"unknown part '{part}'; expected {', '.join(KEYS)}")
        if key in parts:
            raise ScheduleError(f"'{key}' is given twice")
        parts[key] = rest
    for key in KEYS[:2]:
        if key not in parts:
            raise ScheduleError(f"schedule '{text}' has no '{key}:'")
    columns, rows = parts["columns"], parts.get("rows", ROW_USES[0])
    if not columns.isdecimal():
        raise ScheduleError(f"'{columns}' after 'columns:' is not a number")
    if rows not in ROW_USES:
        raise ScheduleError(f"'{rows}' after 'rows:'; expected {' or '.join(ROW_USES)}")
    registers = tuple(name.strip() for name in parts["registers"].split(","))
    if len(set(registers)) != len(registers) or not all(registers):
        raise ScheduleError(f"'{parts['registers']}' after 'registers:'; expected different names")
    return LaneSchedule(int(columns), registers, rows)
