"""Language models and requests of the evaluation."""

from dataclasses import dataclass
from itertools import product

HEAD_SIZE = 128


@dataclass(frozen=True)
class Model:
    """A decoder of equal layers."""

    name: str
    layers: int
    hidden: int
    heads: int
    feed_forward: float
    """Width of the feed-forward layers; a fraction where the published evaluation has one."""
    gated: bool
    """Whether the activation is gated (SwiGLU), with one more layer of weights; else GELU."""
    vocabulary: int

    @property
    def feed_forward_weights(self) -> tuple[tuple[float, float], ...]:
        """Outputs and inputs of the feed-forward layers."""
        up, down = (self.feed_forward, self.hidden), (self.hidden, self.feed_forward)
        return (up, up, down) if self.gated else (up, down)


GPT3_13B = Model("GPT-3 13B", 40, 5120, 40, 4 * 5120, False, 50257)
LLAMA_33B = Model("LLaMA 33B", 60, 6656, 52, 8 / 3 * 6656, True, 32000)
"""As published; the real LLaMA 33B has feed-forward layers of 17,920."""

MODELS = (GPT3_13B, LLAMA_33B)


@dataclass(frozen=True)
class Request:
    """A batch of requests of one size."""

    model: Model
    batch: int
    input_length: int
    output_length: int
    every: int = 1
    """Evaluate one of so many lengths, the middle one; the mean changes by less than 0.1 %."""

    @property
    def lengths(self) -> range:
        """Positions that attention sees, step by step; the first token comes from prefill."""
        first = self.input_length + 1 + min(self.every, self.output_length - 1) // 2
        return range(first, self.input_length + self.output_length, self.every)


LENGTHS = ((128, 2048), (2048, 128), (2048, 2048))
"""Input and output lengths."""

REQUESTS = tuple(
    Request(model, batch, *lengths) for model, batch, lengths in product(MODELS, (1, 4), LENGTHS)
)
"""The published twelve points."""
