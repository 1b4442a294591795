"""What the published evaluation ("Data-Centric Compilation", arXiv 2511.15503) runs and reports.

Cycles are of the published command streams on the published simulator, whose rules the devices
`attacc-ref` and `hbm-pim-ref` follow. They were measured by running them, at the sizes below; where
the whole space of a kernel was simulated, or a sample of it, its best is known too.
"""

from dataclasses import dataclass
from itertools import product

Shape = tuple[int, ...]

HEADS_SHAPES: tuple[Shape, ...] = tuple(
    (batch, heads, 128, length) for length, heads, batch in product((512, 4096), (32, 64), (1, 4))
)
"""Batch, heads, head size and length of GEMV and attention."""

VECTOR_SHAPES: tuple[Shape, ...] = tuple(product((1, 2, 4), (1024, 2048, 4096)))
"""Batch and length of the other kernels."""


@dataclass(frozen=True)
class Suite:
    """The kernels of one published figure."""

    figure: str
    title: str
    devices: tuple[str, ...]
    """By the published rules, and consistent."""
    kinds: tuple[str, ...]
    mean: tuple[float, float]
    """Published mean speed-up over the GPU, of both versions of the paper."""
    best: float
    """Published best speed-up."""

    def shapes(self, kind: str) -> tuple[Shape, ...]:
        """The sizes that a kind is run at."""
        return HEADS_SHAPES if kind in ("gemv", "attention") else VECTOR_SHAPES


SUITES: tuple[Suite, ...] = (
    Suite(
        "6",
        "kernels on HBM-PIM",
        ("hbm-pim-ref", "hbm-pim"),
        ("gemv", "red", "va", "relu"),
        (2.7, 2.21),
        7.68,
    ),
    Suite(
        "7",
        "kernels on AttAcc",
        ("attacc-ref", "attacc"),
        ("gemv", "attention", "red"),
        (5.75, 3.92),
        13.17,
    ),
)


@dataclass(frozen=True)
class PublishedCycles:
    """A kernel's published streams."""

    hand: int
    """The hand mapping's."""
    best: int | None = None
    """The fastest found in the published space."""


def _of_all_lengths(hand: int, best: int) -> dict[Shape, PublishedCycles]:
    """Streams whose time does not depend on the size: banks are padded to the same work."""
    return {shape: PublishedCycles(hand, best) for shape in ((1, 1024), (1, 4096))}


PUBLISHED_CYCLES: dict[tuple[str, str], dict[Shape, PublishedCycles]] = {
    ("attacc-ref", "gemv"): {
        (1, 32, 128, 512): PublishedCycles(2336, 1826),
        (1, 32, 128, 4096): PublishedCycles(11666),
    },
    ("attacc-ref", "attention"): {
        (1, 32, 128, 512): PublishedCycles(3208, 2357),
        (1, 32, 128, 4096): PublishedCycles(17782),
    },
    ("attacc-ref", "red"): _of_all_lengths(357, 215),
    ("hbm-pim-ref", "gemv"): {
        (1, 32, 128, 512): PublishedCycles(3606, 2586),
        (1, 32, 128, 4096): PublishedCycles(18484),
    },
    ("hbm-pim-ref", "red"): _of_all_lengths(593, 253),
    ("hbm-pim-ref", "va"): _of_all_lengths(469, 237),
    ("hbm-pim-ref", "relu"): _of_all_lengths(338, 190),
}
"""By device and kind."""

REASONS: dict[tuple[str, str], str] = {
    ("attacc-ref", "gemv"): (
        "the published streams read the input into DRAM banks and again into buffers, once per"
        " bank, and read the columns of a matrix in an order that changes rows; ours writes the"
        " buffers directly, and the order is tuned"
    ),
    ("attacc-ref", "attention"): (
        "ours moves the scores and takes the softmax of every head, and adds all partial sums,"
        " which the published streams do once for all heads of a bank; theirs pays for the input"
        " as GEMV does"
    ),
    ("attacc-ref", "red"): (
        "the published streams write the input and read as much back; ours leaves the data where"
        " they lie"
    ),
    ("hbm-pim-ref", "gemv"): (
        "the published streams multiply in even channels only, half of the work; by their rules"
        " an operation acts on one bank, so that all of it takes longer than theirs at any schedule"
    ),
    ("hbm-pim-ref", "red"): (
        "the published streams store the input again, and add in half of the banks; ours leaves"
        " the data where they lie"
    ),
    ("hbm-pim-ref", "va"): (
        "the published streams load operands through the host and compute in half of the banks;"
        " ours computes where the data lie"
    ),
    ("hbm-pim-ref", "relu"): (
        "the published streams load the operand through the host and compute in half of the banks;"
        " ours computes where the data lie"
    ),
}
"""Why our cycles differ from the published ones, by device and kind."""
