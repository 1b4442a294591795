"""Figures of the kernel evaluation."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pim_opt.evaluation.kernel_bench import KernelBench, KernelResult
from pim_opt.evaluation.kernel_points import WAYS
from pim_opt.evaluation.kernel_tables import TITLES, shape_text

COLOURS = {
    "hand": "#9aa5b1",
    "compute": "#e6a04a",
    "rearrangement": "#6fae8f",
    "joint": "#2b5f9e",
}
"""Of ways of choosing a schedule."""

PARTS = {
    "host_read": ("host reads", "#b9774b"),
    "load": ("operands load", "#e6a04a"),
    "multiply": ("multiplications", "#2b5f9e"),
    "rows": ("rows open", "#7fa8d6"),
    "move": ("results move", "#6fae8f"),
    "host_write": ("host writes", "#3f7a5c"),
    "refresh": ("refresh", "#c9cdd2"),
}
"""Causes of the model, their names and colours."""


def pyplot() -> Any:
    """Matplotlib without a screen.

    Raises:
        ValueError: it is not installed.
    """
    try:
        matplotlib: Any = import_module("matplotlib")
    except ImportError as error:
        raise ValueError("plots need matplotlib: pip install 'pim-opt[plots]'") from error
    matplotlib.use("Agg")
    return import_module("matplotlib.pyplot")


def draw(bench: KernelBench, folder: Path) -> None:
    """Draw the speed-ups and the times of each device's kernels: PNG files in a folder.

    Raises:
        ValueError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    plt = pyplot()
    folder.mkdir(parents=True, exist_ok=True)
    for device in bench.devices:
        results = bench.of(device)
        _speedups(plt, bench, device, results, folder / f"speedups-{device}.png")
        _times(plt, device, results, folder / f"times-{device}.png")


def _speedups(
    plt: Any, bench: KernelBench, device: str, results: Sequence[KernelResult], path: Path
) -> None:
    """Bars with the speed-up of every way over the published GPU formula."""
    figure, axes = plt.subplots(figsize=(1.5 + 0.5 * len(results), 4.2))
    width = 0.8 / len(WAYS)
    for number, way in enumerate(WAYS):
        heights = [result.speedup(way, bench.gpu, "paper") or 0.0 for result in results]
        places = [i + (number - (len(WAYS) - 1) / 2) * width for i in range(len(results))]
        axes.bar(places, heights, width, label=TITLES[way], color=COLOURS[way])
        if way == "joint":
            for place, height in zip(places, heights, strict=True):
                axes.text(place, height, f" {height:.1f}", rotation=90, ha="center", va="bottom",
                          fontsize=7)  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8, linestyle="--")
    axes.margins(x=0.01)
    axes.set_ylim(0, 1.3 * axes.dataLim.ymax)
    axes.set_ylabel("speed-up over the published GPU formula", fontsize=9)
    axes.set_title(f"Kernels on {device}: schedules by what they were tuned for")
    _kernels_below(axes, results)
    axes.legend(ncols=len(WAYS), fontsize=8, frameon=False, loc="upper center",
                bbox_to_anchor=(0.5, -0.32))  # fmt: skip
    save(plt, figure, path)


def _times(plt: Any, device: str, results: Sequence[KernelResult], path: Path) -> None:
    """Stacked bars: where the time of each way goes, of the first and last shape of each kind."""
    chosen = _first_and_last(results)
    figure, panels = plt.subplots(
        1, len(chosen), figsize=(1.2 + 1.9 * len(chosen), 4.2), squeeze=False
    )
    for axes, result in zip(panels[0], chosen, strict=True):
        ways = [way for way in WAYS if way in result.outcome.rows]
        bottoms = [0.0] * len(ways)
        for part, (label, colour) in PARTS.items():
            heights = [result.outcome.rows[way].parts[part] for way in ways]
            axes.bar(range(len(ways)), heights, 0.7, bottoms, label=label, color=colour)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
        axes.set_ylim(0, 1.1 * max(bottoms))
        axes.axhline(result.outcome.bound, color="black", linewidth=0.8, linestyle="--")
        axes.set_xticks(range(len(ways)), [TITLES[way] for way in ways], rotation=60, ha="right",
                        fontsize=8)  # fmt: skip
        axes.tick_params(axis="y", labelsize=8)
        axes.set_title(f"{result.point.kind}\n{shape_text(result)}", fontsize=9)
    panels[0][0].set_ylabel("cycles (model)")
    figure.suptitle(f"Where the time goes on {device}; dashed: bound of any schedule", fontsize=10)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(PARTS), fontsize=8, frameon=False,
                  bbox_to_anchor=(0.5, -0.06))  # fmt: skip
    save(plt, figure, path)


def _first_and_last(results: Sequence[KernelResult]) -> list[KernelResult]:
    chosen: list[KernelResult] = []
    for kind in dict.fromkeys(result.point.kind for result in results):
        of_kind = [result for result in results if result.point.kind == kind]
        chosen += of_kind[:1] + of_kind[1:][-1:]
    return chosen


def _kernels_below(axes: Any, results: Sequence[KernelResult]) -> None:
    """Shapes under the bars, and a line between kinds with the kind's name."""
    axes.set_xticks(range(len(results)), [shape_text(result) for result in results], rotation=60,
                    ha="right", fontsize=7)  # fmt: skip
    kinds = [result.point.kind for result in results]
    for kind in dict.fromkeys(kinds):
        first, number = kinds.index(kind), kinds.count(kind)
        if first:
            axes.axvline(first - 0.5, color="#c9cdd2", linewidth=0.8)
        axes.text(first + (number - 1) / 2, 0.99, kind, ha="center", va="top", fontsize=9,
                  transform=axes.get_xaxis_transform())  # fmt: skip


def save(plt: Any, figure: Any, path: Path) -> None:
    """Write a figure and forget it."""
    figure.tight_layout()
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)
