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


@dataclass(frozen=True)
class PimTimes:
    """Seconds of one layer's kernels on PIM."""

    attention: float
    qkv: float | None = None
    """None if the GPU computes it."""
    projection: float | None = None


def heads_of_stack(model: Model, batch: int) -> int:
    """Heads of all requests that the fullest stack has."""
    return -(-model.heads * batch // STACKS)


def link_seconds(host: Host, model: Model, batch: int) -> float:
    """Query, key and value to PIM and the context back, without latency."""
    elements = batch * (3 * model.hidden + model.heads * HEAD_SIZE)
    return 2 * elements / (host.link.gb_s * 1e9)


def pim_step(
    host: Host, model: Model, batch: int, length: int, gpu: LayerTimes, pim: PimTimes, *, full: bool
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
    """
    step = replace(
        gpu,
        attention=pim.attention,
        softmax=5 * length * model.heads * batch / SOFTMAX_FLOPS,
        qkv=gpu.qkv if pim.qkv is None else pim.qkv,
        projection=gpu.projection if pim.projection is None else pim.projection,
        link=link_seconds(host, model, batch),
    )
    if not full:
        return _with_link_hidden(step, model)
    gained = STACKS * FEED_FORWARD_BYTES / (host.gb_s * 1e9) / batch
    return replace(_pipelined(step, model), feed_forward=gpu.feed_forward / (1 + gained))


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
