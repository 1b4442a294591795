"""The mask of attention on a device: the units add it to the sums of the scores.

A column of a mask holds the values of as many positions as an entry of scores. Multiplied, in the
mode of the context, by an operand that holds 1, it adds one value to each accumulator of a core,
before keys do. Its columns lie in the cores whose scores they are for, in rows of their own, to
which the host brings the mask on every call. Where several cores sum shares of one score, all but
the first of them hold zeros. One entry of the operand buffers holds the ones.
"""

from dataclasses import dataclass
from functools import cached_property

from pim_opt.cost.mapping import Mapping
from pim_opt.cost.transfers import TransferLoops
from pim_opt.devices.model import ContractionMode
from pim_opt.dialects.attention import Attention
from pim_opt.dialects.iteration import Access, AttentionRole, Role
from pim_opt.dialects.placement import BANK, LOCAL, Piece, Placement
from pim_opt.dialects.schedule import ScheduleError


@dataclass(frozen=True)
class MaskMapping:
    """Where a mask lies and how it is added, for scores that a bound schedule computes."""

    kernel: Attention
    score: Mapping
    """The product of query and key."""
    mode: ContractionMode
    """The commands of the product of weights and value."""

    def __post_init__(self) -> None:
        lengths = self.kernel.with_role(AttentionRole.LENGTH)
        if not set(lengths) <= set(self.access.dims):
            raise ScheduleError("the mask is the same at all positions: no column holds several")
        theirs, ours = self.mode, self.score.mode
        if (theirs.operand, theirs.accumulator) != (ours.operand, ours.accumulator):
            raise ScheduleError(
                f"{theirs.multiply} does not add to the accumulators of {ours.multiply}"
            )

    @property
    def access(self) -> Access:
        """How the mask is indexed by the dimensions of attention."""
        assert self.kernel.mask is not None, "else there is nothing to map"
        return self.kernel.mask

    @property
    def lanes(self) -> int:
        """Values in a column."""
        return self.score.column_elements

    @cached_property
    def loops(self) -> dict[int, Piece]:
        """Per loop around the moves of scores its digit among the mask's columns, if it has one."""
        wanted = {self._number(dim) for dim in self.access.dims}
        pieces: dict[int, Piece] = {}
        unit = self.lanes
        for number in range(self.score.move_depth - 1, -1, -1):
            loop = self.score.loops[number]
            if loop.dim in wanted:
                pieces[number] = Piece(LOCAL, loop.size, unit)
                unit *= loop.size
        return pieces

    @property
    def rows(self) -> int:
        """DRAM rows per bank that the mask takes."""
        columns = self.placement(0).extent(LOCAL) // self.lanes
        return -(-columns // self.score.device.columns)

    def placement(self, row: int) -> Placement:
        """The mask in DRAM from `row` on, columns in the order in which scores use them."""
        score = self.score
        pieces = {(d.dim, d.position): d.piece for d in score.digits}
        pieces |= {
            (score.loops[number].dim, score.loops[number].position): piece
            for number, piece in self.loops.items()
        }
        axes: list[tuple[Piece, ...]] = []
        for dim in self.access.axes:
            axes.append(() if dim is None else self._axis(self._number(dim), pieces))
        mine = {self._number(dim) for dim in self.access.dims}
        shares = score.kernel.with_role(Role.REDUCTION)
        copies = tuple(d.piece for d in score.digits if d.dim not in {*mine, *shares})
        return Placement(BANK, tuple(axes), copies, row)

    def _axis(self, number: int, pieces: dict[tuple[int, int], Piece]) -> tuple[Piece, ...]:
        """The digits of a dimension of the score; the cores that share sums have its padding."""
        dim = self.score.kernel.dims[number]
        factors = self.score.schedule.split(dim.name).factors
        if dim.role is not Role.OUTPUT:
            return tuple(pieces[number, i] for i in range(len(factors)))
        shares = tuple(d.piece for d in self.score.partial_digits)
        outer = tuple(pieces[number, i] for i in range(len(factors) - 1))
        return (*shares, *outer, Piece(LOCAL, self.lanes))

    def _number(self, dim: int) -> int:
        """The number in the score of a dimension of attention."""
        found = self.score.kernel.dim_number(self.kernel.dims[dim].name)
        assert found is not None, "the dimensions of a mask are those of scores"
        return found

    # Commands

    @property
    def writes(self) -> TransferLoops:
        """The commands that write the mask to its place."""
        device = self.score.device
        return TransferLoops(device, device.kernels.host.write, self.placement(0), self.lanes)

    @property
    def ones_entry(self) -> int:
        """Entry of the operand buffers that holds the ones: the last of all."""
        return self.score.device.registers[self.mode.operand].entries - 1

    @cached_property
    def ones_placement(self) -> Placement:
        """A column of ones in the operand buffers of all cores."""
        copies = tuple(Piece((lv.short,), lv.count) for lv in self.score.device.core_levels)
        return Placement(self.mode.operand, ((Piece(LOCAL, self.lanes),),), copies)

    @property
    def ones_command(self) -> str:
        """The command that loads the ones."""
        return self.score.mode.load[self.score.schedule.travel]

    @property
    def ones_loads(self) -> TransferLoops:
        """The commands that load the ones, once in every group."""
        device = self.score.device
        return TransferLoops(device, self.ones_command, self.ones_placement, self.lanes)
