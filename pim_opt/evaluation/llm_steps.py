"""A decode step with PIM by the rules of the published evaluation.

Attention runs on PIM and its vectors cross a link, which hides behind attention. "Full" also hides
the smaller of attention and the layers of weights behind the other, whoever computes them, and lets
PIM take a share of the feed-forward layers at a speed that is assumed.
"""

from dataclasses import dataclass, replace

from pim_opt.devices import Host
from pim_opt.evaluation.llm_gpu import LayerTimes
from pim_opt.evaluation.llm_models import HEAD_SIZE, Model
from pim_opt.evaluation.llm_published import FEED_FORWARD_BYTES, SOFTMAX_FLOPS, STACKS
from pim_opt.evaluation.llm_rules import PAPER, Rules, append_seconds, partial_sum_seconds


@dataclass(frozen=True)
class PimTimes:
    """Seconds of one layer's kernels on PIM."""

    attention: float
    qkv: float | None = None
    """None if the GPU computes it."""
    projection: float | None = None
    feed_forward_rate: float = FEED_FORWARD_BYTES
    """Bytes a second at which a stack reads feed-forward weights for one request."""


def heads_of_stack(model: Model, batch: int) -> int:
    """Heads of all requests that the fullest stack has."""
    return -(-model.heads * batch // STACKS)


def link_seconds(host: Host, model: Model, batch: int) -> float:
    """Query, key and value to PIM and the context back, without latency."""
    elements = batch * (3 * model.hidden + model.heads * HEAD_SIZE)
    return 2 * elements / (host.link.gb_s * 1e9)


def pim_step(
    host: Host,
    model: Model,
    batch: int,
    length: int,
    gpu: LayerTimes,
    pim: PimTimes,
    *,
    full: bool,
    rules: Rules = PAPER,
) -> LayerTimes:
    """A layer with attention on PIM.

    Args:
        host: the GPU.
        model: the model.
        batch: requests.
        length: positions that attention sees.
        gpu: the layer on the GPU alone.
        pim: kernels on PIM.
        full: whether to hide layers behind each other and to share the feed-forward layers.
        rules: what is corrected.
    """
    pim = _dispatched(gpu, pim) if rules.dispatch else pim
    step = replace(
        gpu,
        attention=pim.attention,
        softmax=5 * length * model.heads * batch / SOFTMAX_FLOPS,
        qkv=gpu.qkv if pim.qkv is None else pim.qkv,
        projection=gpu.projection if pim.projection is None else pim.projection,
        link=link_seconds(host, model, batch),
    )
    if full:
        gained = gained_share(host, pim.feed_forward_rate, batch)
        step = replace(step, feed_forward=gpu.feed_forward / (1 + gained))
    alone = rules.no_overlap and (pim.qkv is not None or pim.projection is not None)
    hidden = _pipelined(step, model) if full and not alone else _with_link_hidden(step, model)
    return _with_charges(host, model, batch, length, hidden, pim, rules)


def gained_share(host: Host, rate: float, batch: int) -> float:
    """Speed of all stacks over that of the GPU's memory."""
    return STACKS * rate / (host.gb_s * 1e9) / batch


def _dispatched(gpu: LayerTimes, pim: PimTimes) -> PimTimes:
    """Layers of weights that are not faster on PIM stay on the GPU."""
    return replace(
        pim,
        qkv=pim.qkv if pim.qkv is not None and pim.qkv < gpu.qkv else None,
        projection=pim.projection
        if pim.projection is not None and pim.projection < gpu.projection
        else None,
    )


def _with_charges(
    host: Host,
    model: Model,
    batch: int,
    length: int,
    step: LayerTimes,
    pim: PimTimes,
    rules: Rules,
) -> LayerTimes:
    """What the published rules do not charge at all."""
    if rules.link_latency:
        step = replace(step, link=step.link + 2 * host.link.latency_us * 1e-6)
    if rules.kv_append:
        heads = heads_of_stack(model, batch)
        step = replace(step, kv_append=append_seconds(heads, length))
    if rules.partial_sums and pim.projection is not None:
        step = replace(step, partial_sums=partial_sum_seconds(host, model, batch))
    return step


def _with_link_hidden(step: LayerTimes, model: Model) -> LayerTimes:
    """The link's time but for that of one head, as far as attention is long enough."""
    rest = 1 / model.heads
    if step.attention > step.link:
        return replace(step, link=rest * step.link)
    return replace(step, link=step.link - step.attention * (1 - rest))


def _pipelined(step: LayerTimes, model: Model) -> LayerTimes:
    """Attention and the layers of weights, the shorter hidden behind the longer."""
    rest = 1 / model.heads
    weights = step.qkv + step.projection
    if step.attention <= weights and weights > step.link:
        hidden = step.attention * (1 - rest)
        return replace(
            step,
            link=rest * step.link,
            qkv=step.qkv - 0.75 * hidden,
            projection=step.projection - 0.25 * hidden,
        )
    shorter = replace(step, qkv=rest * step.qkv, projection=rest * step.projection)
    return _with_link_hidden(shorter, model)
