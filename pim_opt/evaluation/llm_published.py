"""What the published evaluation of language models reports, and what its hand mapping takes.

Cycles of attention were measured by running the published hand mapping's streams on the published
simulator, for the heads of one of five stacks. They leave out work (docs/results.md).
"""

from bisect import bisect_left

STACKS = 5

CLOCK_S = 0.769e-9

SOFTMAX_FLOPS = 3.352e12
"""Operations a second of the units that take the softmax, all stacks together."""

FEED_FORWARD_BYTES = 650.4e9 * 16
"""Bytes a second that a stack's units are taken to read for feed-forward layers, batch 1."""

ATTENTION_CYCLES: dict[int, dict[int, int]] = {
    8: {
        144: 511, 272: 707, 512: 725, 640: 948, 768: 997, 1024: 1430, 1280: 1702, 1536: 1894,
        1792: 2166, 2048: 2358, 2304: 2644, 2560: 2850, 2816: 3140, 3008: 3377, 3088: 3518,
        3344: 3806, 3600: 4014, 3856: 4302,
    },
    11: {
        144: 1044, 272: 1378, 512: 1518, 640: 1926, 768: 1982, 1024: 2454, 1280: 2934, 1536: 3410,
        1792: 3888, 2048: 4364, 2304: 4844, 2560: 5745, 2816: 6245, 3008: 6728, 3088: 7033,
        3344: 7513, 3600: 7993, 3856: 8473,
    },
    32: {
        144: 1728, 272: 2441, 512: 2741, 640: 3523, 768: 3744, 1024: 4684, 1280: 6038, 1536: 7006,
        1792: 7948, 2048: 8888, 2304: 9843, 2560: 10964, 2816: 12159, 3008: 13138, 3088: 13737,
        3344: 14681, 3600: 16035, 3856: 17007,
    },
    42: {
        144: 2514, 272: 3588, 512: 4037, 640: 5854, 768: 5985, 1024: 7362, 1280: 8770, 1536: 10742,
        1792: 11853, 2048: 13422, 2304: 14830, 2560: 16675, 2816: 18085, 3008: 19467, 3088: 20961,
        3344: 21925, 3600: 23721, 3856: 25126,
    },
}  # fmt: skip
"""By heads of a stack and positions."""

TUNED_MS = {
    ("GPT-3 13B", 1): (1.724, 1.727, 1.730),
    ("GPT-3 13B", 4): (4.292, 4.305, 4.317),
    ("LLaMA 33B", 1): (3.908, 3.914, 3.920),
    ("LLaMA 33B", 4): (10.901, 10.923, 10.946),
}
"""Milliseconds a token of "full" with the best of a few published tilings, by model and batch, for
the three pairs of lengths: our estimate, since the published choice is not known."""

QKV_CYCLES = 11454
"""Of GEMV 1x8x5120x384, the best of the published tilings that were run."""

MEAN_SPEEDUPS = (4.88, 4.52)
"""Published means over the twelve points, of both versions of the paper."""

BEST_SPEEDUP = 7.71


def hand_attention_cycles(heads: int, length: int) -> float:
    """Cycles of the hand mapping, between measured lengths by a line through the next two.

    Args:
        heads: of a stack, one of ATTENTION_CYCLES.
        length: positions.
    """
    table = ATTENTION_CYCLES[heads]
    lengths = list(table)
    after = min(max(bisect_left(lengths, length), 1), len(lengths) - 1)
    low, high = lengths[after - 1], lengths[after]
    slope = (table[high] - table[low]) / (high - low)
    return table[low] + slope * (length - low)
