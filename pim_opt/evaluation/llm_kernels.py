"""The kernels of a language model on PIM: tuned once, attention then priced at every length."""

from dataclasses import asdict, dataclass
from typing import Literal

from pim_opt.cost.attention import cycle_parts
from pim_opt.cost.origins import Origins
from pim_opt.kinds import KINDS
from pim_opt.measuring import Kernel, outlined
from pim_opt.passes.attention.binding import bound
from pim_opt.passes.kernel_tuning import tune_kernel

LENGTH_STEP = 16
"""Attention is priced at multiples of this and holds for the lengths below, as published."""

CONFIRMED = 4
"""Schedules of a search that are simulated."""


@dataclass(frozen=True)
class LlmKernel:
    """A kernel of one stack."""

    device: str
    kind: Literal["attention", "gemv", "gemm"]
    shape: tuple[int, ...]
    """As `pim_opt.kinds` lists it, without the heads of keys; attention's length is the longest."""
    inputs: Literal["dram", "host"] = "host"
    """Where its vectors start."""


@dataclass(frozen=True)
class LlmKernelOutcome:
    """What a kernel takes."""

    schedule: str
    cycles: int
    """Simulated; of attention at its longest."""
    lengths: tuple[float, ...]
    """The model's cycles of attention at LENGTH_STEP, two times that, ..; else none."""

    def cycles_at(self, length: int) -> float:
        """Cycles of attention over so many positions."""
        return self.lengths[-(-length // LENGTH_STEP) - 1]


def tuned_kernel(item: LlmKernel) -> dict[str, object]:
    """Tune a kernel: a LlmKernelOutcome as a dict."""
    shape = KINDS[item.kind].completed(item.shape)
    op = outlined(Kernel(item.device, item.kind, shape, item.inputs))
    best = tune_kernel(op, "latency", CONFIRMED).best
    lengths: tuple[float, ...] = ()
    if item.kind == "attention":
        mapping = bound(op, best.schedule)
        origins = Origins(vector=item.inputs)
        lengths = tuple(
            round(cycle_parts(mapping.at_length(length), origins).cycles, 1)
            for length in range(LENGTH_STEP, mapping.length + 1, LENGTH_STEP)
        )
    return asdict(LlmKernelOutcome(str(best.schedule), int(best.cycles), lengths))
