"""The places of distributed attention's operands, scores and weights."""

from xdsl.builder import ImplicitBuilder
from xdsl.ir import Attribute, Block, Region, SSAValue

from pim_opt.cost.mapping import Mapping
from pim_opt.dialects.diagnostics import DiagnosticError
from pim_opt.dialects.layout import (
    BindOp,
    HostAttr,
    PlacementAttr,
    RequireOp,
    UnbindOp,
    with_layout,
)
from pim_opt.dialects.pim import (
    CombineOp,
    DistributeOp,
    KernelOp,
    ScaleOp,
    SoftmaxOp,
    YieldOp,
)
from pim_opt.dialects.pim.kernel_ops import plain
from pim_opt.passes.attention.binding import (
    KEY,
    MASK,
    QUERY,
    VALUE,
    attention_mapping_of,
    attention_of,
    mask_of,
    softmax_of,
)
from pim_opt.passes.bank_rows import BankRows


def map_banks(kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
    """Place the operands: keys and values from `resident_row` on where they are resident."""
    _Placing(kernel, resident_row, streamed_row).place()


class _Placing:
    """One kernel on its way to a placed one."""

    def __init__(self, kernel: KernelOp, resident_row: int, streamed_row: int) -> None:
        self.kernel = kernel
        self.mapping = attention_mapping_of(kernel)
        self.resident = resident_row
        self.rows = BankRows(self.mapping.device, streamed_row, kernel)

    def place(self) -> None:
        """Replace the kernel's body."""
        kernel, mapping = self.kernel, self.mapping
        first, second = self._distributions()
        body = Block(arg_types=kernel.argument_types)
        with ImplicitBuilder(body):
            # 1. The query comes to the host, which scales it on its way to the cores.
            query = self._at_host(body.args[QUERY])
            vector = self._require(query, PlacementAttr(mapping.score.vector_placement))
            keys = self._matrix(body.args[KEY], mapping.score, KEY)
            values = self._matrix(body.args[VALUE], mapping.context, VALUE)
            # 2. A mask comes to the cores of the scores that it is added to.
            mask = mask_of(kernel, body)
            mask = None if mask is None else self._mask(mask)
            # 3. Scores gather in the buffer of the group, and weights go from there to the cores.
            scores = self._share(first, vector, keys, mapping.score)
            buffer = PlacementAttr(mapping.score_placement)
            type_ = with_layout(plain(self._softmax().result.type), buffer)
            weights = softmax_of(kernel, body, scores, type_, mask).result
            vector = self._require(weights, PlacementAttr(mapping.context.vector_placement))
            # 4. The context comes to the host, which combines it, and ends in DRAM.
            shares = self._share(second, vector, values, mapping.context)
            result_type = with_layout(plain(kernel.outputs[0].type), HostAttr())
            combined = CombineOp(self._require(shares, HostAttr()), result_type).result
            end = PlacementAttr(self.rows.interleave(kernel.outputs[0]))
            stored = self._require(combined, end)
            YieldOp(UnbindOp(stored).result)
        kernel.detach_region(kernel.body)
        kernel.add_region(Region(body))

    def _distributions(self) -> tuple[DistributeOp, DistributeOp]:
        found = [op for op in self.kernel.body.block.ops if isinstance(op, DistributeOp)]
        if len(found) != 2:
            raise DiagnosticError(
                f"kernel {self.kernel.label} holds {len(found)} 'pim.distribute' ops, expected 2",
                self.kernel,
                hint="run pim-distribute first",
            )
        return found[0], found[1]

    def _softmax(self) -> SoftmaxOp:
        return next(op for op in self.kernel.body.block.ops if isinstance(op, SoftmaxOp))

    def _require(self, value: SSAValue, layout: Attribute) -> SSAValue:
        return RequireOp(value, layout).result

    def _at_host(self, argument: SSAValue) -> SSAValue:
        """The query in the host's hands, scaled."""
        attention = attention_of(self.kernel)
        held = BindOp(argument, self._start(QUERY, argument)).result
        if self.kernel.start_of(QUERY) == "dram":
            held = self._require(held, HostAttr())
        return held if attention.scale == 1.0 else ScaleOp(held, attention.scale).result

    def _start(self, number: int, argument: SSAValue) -> Attribute:
        """Where a streamed operand is when the kernel starts."""
        if self.kernel.start_of(number) == "host":
            return HostAttr()
        return PlacementAttr(self.rows.interleave(argument))

    def _matrix(self, argument: SSAValue, stage: Mapping, number: int) -> SSAValue:
        """Keys or values where the cores read them."""
        if self.kernel.start_of(number) == "resident":
            place = PlacementAttr(stage.matrix_placement(self.resident))
            self.resident += stage.matrix_rows
            return BindOp(argument, place, resident=True).result
        row = self.rows.take(stage.matrix_rows)
        start = BindOp(argument, self._start(number, argument)).result
        return self._require(start, PlacementAttr(stage.matrix_placement(row)))

    def _mask(self, argument: SSAValue) -> SSAValue:
        """The mask in rows of its own, where the cores read it."""
        mask = self.mapping.mask
        assert mask is not None, "the kernel has an operand for it"
        row = self.rows.take(mask.rows)
        start = BindOp(argument, self._start(MASK, argument)).result
        return self._require(start, PlacementAttr(mask.placement(row)))

    def _share(
        self, distribution: DistributeOp, vector: SSAValue, matrix: SSAValue, stage: Mapping
    ) -> SSAValue:
        accumulated = with_layout(
            plain(distribution.output.type), PlacementAttr(stage.partial_placement)
        )
        body = distribution.detach_region(distribution.body)
        number = distribution.stage_number
        return DistributeOp([vector, matrix], accumulated, body, number).output
