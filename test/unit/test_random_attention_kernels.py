"""Random attention kernels under random schedules: every level computes the same numbers."""

from functools import partial

from attention_kernels import check_order, schedule_of
from checked_pipeline import compile_checked
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from pim_opt.cost.attention_mapping import AttentionMapping
from pim_opt.devices import device_names, load_device
from pim_opt.kinds import kernel_text
from pim_opt.passes.attention.binding import attention_mapping_of
from pim_opt.passes.kernel_access import kernels

DEVICES = [name for name in device_names() if load_device(name).kernels.attention is not None]

MOST_WORK = 1 << 14
"""Points of heads, positions and head size of a random kernel at most: what bounds its time."""

Shape = tuple[int, int, int, int, int]
"""Batch, heads, KV heads, head size and length."""


LIMITS = [(5, 9, 6, 70, 120), (1, 128, 1, 12, 120), (1, 8, 16, 12, 120), (1, 1, 2, 3, 5000)]
"""At most so many requests, KV heads, queries of each, elements of a head and positions: shapes of
all kinds, and those with many heads, with many queries that share keys, and with many positions."""


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Mostly odd shapes, each size of them large at times; costly, so that none comes twice."""
    random = draw(st.randoms(use_true_random=True))
    *most_of_head, most_positions = random.choice(LIMITS)
    batch, kv_heads, ratio, size = (random.randint(1, most) for most in most_of_head)
    most = min(most_positions, max(1, MOST_WORK // (batch * kv_heads * ratio * size)))
    return batch, kv_heads * ratio, kv_heads, size, random.randint(1, most)


@settings(max_examples=30)
@given(
    device=st.sampled_from(["attacc", "attacc-ref"]),
    shape=shapes(),
    inputs=st.sampled_from(["dram", "host"]),
    seed=st.integers(0, 2**32 - 1),
)
@example(device="attacc-unlimited", shape=(3, 12, 6, 33, 50), inputs="dram", seed=100)
@example(device="attacc-ref-unlimited", shape=(3, 12, 6, 33, 50), inputs="dram", seed=100)
@example(device="attacc", shape=(1, 33, 33, 20, 600), inputs="dram", seed=7)
@example(device="attacc-ref", shape=(1, 1, 1, 3, 5000), inputs="dram", seed=3)
@example(device="attacc-ref", shape=(1, 18, 18, 20, 50), inputs="host", seed=70)
@example(device="attacc-ref", shape=(4, 6, 6, 8, 48), inputs="dram", seed=0)
def test_every_level_computes_the_same(device: str, shape: Shape, inputs: str, seed: int) -> None:
    text = kernel_text("attention", shape)
    module, _ = compile_checked(text, device, inputs, partial(schedule_of, seed=seed))
    (kernel,) = kernels(module)
    note_kind(attention_mapping_of(kernel))
    check_order(module)


def note_kind(mapping: AttentionMapping) -> None:
    """Tell hypothesis' statistics what kind of program was checked."""
    event(f"heads one after the other: {min(mapping.heads, 3)}")
    event(f"queries share keys: {mapping.rows_of_head > 1}")
    event(f"softmax among multiplications: {mapping.interleaves_softmax}")
    event(f"scores summed over {mapping.score.schedule.sum_level}")
    event(f"context summed over {mapping.context.schedule.sum_level}")
    event(f"weights by {mapping.context.schedule.travel}")
    event(f"chunks of weights: {min(mapping.chunks(mapping.context), 2)}")
    event(f"rows: {mapping.context.schedule.rows}")
