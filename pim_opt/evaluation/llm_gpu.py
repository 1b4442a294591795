"""A decode step of a language model on the GPU alone, by the published formulas."""

from dataclasses import dataclass, fields

from pim_opt.cost.host_layers import (
    Product,
    attention_product_seconds,
    fitted_seconds,
    product_seconds,
    softmax_seconds,
)
from pim_opt.devices import Host
from pim_opt.evaluation.llm_models import HEAD_SIZE, Model, Request


@dataclass(frozen=True)
class LayerTimes:
    """Seconds of one layer, by what they are spent on. Adds part by part."""

    attention: float = 0.0
    """Scores and context; on PIM the softmax of the streams, too."""
    softmax: float = 0.0
    qkv: float = 0.0
    projection: float = 0.0
    feed_forward: float = 0.0
    norm: float = 0.0
    activation: float = 0.0
    link: float = 0.0
    head: float = 0.0
    """Of the language-model head, shared out over the layers."""
    launch: float = 0.0
    kv_append: float = 0.0
    partial_sums: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.as_dict().values())

    def as_dict(self) -> dict[str, float]:
        """Seconds by the name of their cause."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: "LayerTimes") -> "LayerTimes":
        mine, theirs = self.as_dict(), other.as_dict()
        return LayerTimes(**{name: mine[name] + theirs[name] for name in mine})

    def times(self, factor: float) -> "LayerTimes":
        """All parts by a factor."""
        return LayerTimes(**{name: part * factor for name, part in self.as_dict().items()})


def fixed_times(host: Host, model: Model, rows: int) -> LayerTimes:
    """What of a layer does not depend on the length, for so many rows of activations."""
    hidden, wide = model.hidden, model.feed_forward
    feed_forward = sum(
        product_seconds(host, Product(rows, outputs, inputs))
        for outputs, inputs in model.feed_forward_weights
    )
    norm = fitted_seconds(host, host.norm, 6 * rows * hidden, 5 * rows * hidden)
    moved, flops = (6, 9) if model.gated else (4, 8)
    return LayerTimes(
        qkv=product_seconds(host, Product(rows, 3 * hidden, hidden)),
        projection=product_seconds(host, Product(rows, hidden, hidden)),
        feed_forward=feed_forward,
        norm=2 * norm,
        activation=fitted_seconds(host, host.activation, moved * rows * wide, flops * rows * wide),
    )


def attention_times(host: Host, model: Model, batch: int, length: int) -> LayerTimes:
    """Attention of one token of every request over so many positions."""
    heads = model.heads * batch
    score = attention_product_seconds(host, Product(1, length, HEAD_SIZE, heads))
    context = attention_product_seconds(host, Product(1, HEAD_SIZE, length, heads))
    return LayerTimes(attention=score + context, softmax=softmax_seconds(host, 1, length, heads))


def gpu_steps(host: Host, request: Request) -> list[LayerTimes]:
    """A layer on the GPU at every length of a request."""
    fixed = fixed_times(host, request.model, request.batch)
    return [
        fixed + attention_times(host, request.model, request.batch, length)
        for length in request.lengths
    ]


def token_times(request: Request, steps: list[LayerTimes]) -> LayerTimes:
    """A token of all layers, the mean over the steps."""
    total = sum(steps, LayerTimes())
    return total.times(request.model.layers / len(steps))
