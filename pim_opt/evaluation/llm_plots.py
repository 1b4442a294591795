"""A figure of the language-model evaluation: where a token's time goes, and the speed-ups."""

from pathlib import Path
from typing import Any

from pim_opt.evaluation.kernel_plots import pyplot, save
from pim_opt.evaluation.llm_bench import VARIANTS, LlmBench

PARTS = {
    "attention": ("attention", "#2b5f9e"),
    "softmax": ("softmax", "#7fa8d6"),
    "qkv": ("QKV", "#e6a04a"),
    "projection": ("projection", "#b9774b"),
    "feed_forward": ("feed-forward", "#6fae8f"),
    "norm": ("norm", "#9aa5b1"),
    "activation": ("activation", "#c9cdd2"),
    "link": ("link", "#8c4a6b"),
    "head": ("head", "#3f7a5c"),
    "launch": ("launches", "#5c6670"),
    "kv_append": ("KV append", "#c7546c"),
    "partial_sums": ("partial sums", "#e8c547"),
}
"""Parts of a layer, their names and colours."""


def draw(bench: LlmBench, folder: Path) -> None:
    """Stacked bars of a token's time, with each variant's speed-up above: llm.png in a folder.

    Raises:
        ValueError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    plt = pyplot()
    folder.mkdir(parents=True, exist_ok=True)
    columns = -(-len(bench.results) // 2)
    figure, panels = plt.subplots(2, columns, figsize=(2.1 * columns + 1, 7.5), squeeze=False)
    for axes in panels.flat[len(bench.results) :]:
        axes.set_visible(False)
    for axes, result in zip(panels.flat, bench.results, strict=False):
        bars = {"GPU": result.gpu, **result.variants}
        bottoms = [0.0] * len(bars)
        for part, (label, colour) in PARTS.items():
            heights = [times.as_dict()[part] * 1e3 for times in bars.values()]
            axes.bar(range(len(bars)), heights, 0.75, bottoms, label=label, color=colour)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
        for place, name in enumerate(VARIANTS, 1):
            text = f"{result.speedup(name):.1f}x"
            axes.text(place, bottoms[place], text, ha="center", va="bottom", fontsize=8)
        request = result.request
        axes.set_title(
            f"{request.model.name}, batch {request.batch}\n"
            f"{request.input_length} in, {request.output_length} out",
            fontsize=9,
        )
        axes.set_xticks(range(len(bars)), list(bars), rotation=60, ha="right", fontsize=8)
        axes.tick_params(axis="y", labelsize=8)
        axes.set_ylim(0, 1.1 * max(bottoms))
    for row in panels:
        row[0].set_ylabel("ms a token")
    _legend(figure, panels)
    save(plt, figure, folder / "llm.png")


def _legend(figure: Any, panels: Any) -> None:
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", ncols=6, fontsize=9, frameon=False,
        bbox_to_anchor=(0.5, -0.06),
    )  # fmt: skip
