"""What the published evaluation of language models leaves out, each as a correction of its own."""

from dataclasses import dataclass, fields, replace

from pim_opt.cost.host_baseline import ELEMENT_BYTES
from pim_opt.cost.host_layers import Product, product_seconds
from pim_opt.devices import Host
from pim_opt.evaluation.llm_gpu import LayerTimes
from pim_opt.evaluation.llm_models import HEAD_SIZE, Model, Request
from pim_opt.evaluation.llm_published import CLOCK_S, STACKS

LAUNCHES = 7
"""Kernels of a layer to which the published rules charge no launch."""


@dataclass(frozen=True)
class Rules:
    """Corrections of the published rules; none of them by default."""

    split_attention: bool = False
    """The GPU fuses attention and splits its positions over all processors."""
    head: bool = False
    """The language-model head, on the GPU."""
    link_latency: bool = False
    """Both transfers of a layer take the link's latency."""
    launches: bool = False
    """Every kernel of the GPU has a launch."""
    kv_append: bool = False
    """New keys and values are written to where PIM needs them, byte by byte."""
    partial_sums: bool = False
    """The sums of a projection on PIM, a vector for every head, go to the GPU."""
    no_overlap: bool = False
    """What runs on the same banks runs one after the other."""
    feed_forward: bool = False
    """PIM reads feed-forward weights as fast as the system's own QKV kernel reads its own."""
    dispatch: bool = False
    """QKV and projection run where they take less time."""
    capacity: bool = False
    """What does not fit into memory is refused."""


PAPER = Rules()
HONEST = Rules(**{field.name: True for field in fields(Rules)})

CORRECTIONS = {
    "split_attention": "GPU attention fused, positions over all processors",
    "head": "language-model head on the GPU",
    "link_latency": "latency of both transfers of a layer",
    "launches": "launches of the GPU's kernels",
    "kv_append": "new keys and values written",
    "partial_sums": "projection's partial sums sent to the GPU",
    "no_overlap": "nothing at once on the same banks",
    "feed_forward": "feed-forward on PIM at the speed of the own QKV kernel",
    "dispatch": "QKV and projection to the faster side",
    "capacity": "what does not fit refused",
}
"""Corrections in words, by their names in Rules."""


def only(correction: str) -> Rules:
    """The published rules with one correction."""
    return replace(PAPER, **{correction: True})


def corrected_gpu(
    host: Host, request: Request, length: int, gpu: LayerTimes, rules: Rules
) -> LayerTimes:
    """A layer on the GPU alone, less and more what the rules correct."""
    step = gpu
    model = request.model
    if rules.split_attention:
        moved = 2 * ELEMENT_BYTES * model.hidden * request.batch * length
        step = replace(step, attention=moved / host.bytes_per_second, softmax=0.0)
    if rules.head:
        product = Product(request.batch, model.vocabulary, model.hidden)
        step = replace(step, head=product_seconds(host, product) / model.layers)
    if rules.launches:
        step = replace(step, launch=LAUNCHES * host.launch_us * 1e-6)
    return step


def append_seconds(heads: int, length: int) -> float:
    """Writing the keys and values of a token, measured for 8 and 42 heads at 128 and 4,096.

    Streams of byte-masked writes to the hand mapping's places, on the published simulator; for
    other heads and lengths on the plane through them.
    """
    few, many = ((611, 1376), (1903, 4198))
    along = (length - 128) / (4096 - 128)
    low, high = (a + (b - a) * along for a, b in (few, many))
    return CLOCK_S * (low + (high - low) * (heads - 8) / (42 - 8))


def partial_sum_seconds(host: Host, model: Model, batch: int) -> float:
    """A vector of sums for every head and request, over the link."""
    moved = ELEMENT_BYTES * model.heads * batch * model.hidden
    return moved / (host.link.gb_s * 1e9)


def weight_rate(model: Model, heads: int, seconds: float) -> float:
    """Bytes a second at which a stack's QKV kernel reads the weights of so many heads."""
    return ELEMENT_BYTES * heads * model.hidden * 3 * HEAD_SIZE / seconds


@dataclass(frozen=True)
class Need:
    """GiB that a request needs."""

    gpu: float
    """On the GPU alone: weights, keys and values."""
    pim: float
    """On the stacks: keys, values, and the weights that PIM reads."""


def memory_need(request: Request, *, weights: bool, share: float) -> Need:
    """Memory of a request.

    Args:
        request: at its longest.
        weights: whether QKV and projection are on PIM.
        share: of the feed-forward layers that PIM computes.
    """
    model = request.model
    attention_weights = 4 * model.hidden**2
    feed_forward = sum(a * b for a, b in model.feed_forward_weights)
    length = request.input_length + request.output_length
    cache = 2 * model.hidden * length * request.batch
    unit = ELEMENT_BYTES / 2**30
    on_gpu = model.layers * (attention_weights + feed_forward + cache)
    on_pim = model.layers * (cache + (attention_weights if weights else 0) + share * feed_forward)
    return Need(on_gpu * unit, on_pim * unit)


PIM_GIB = 16.0 * STACKS
"""Memory of the stacks."""
