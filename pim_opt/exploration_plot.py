"""A picture of an exploration: time of every kernel over the values of the fields."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pim_opt.diagnostics import failure
from pim_opt.exploring import Explored


def draw(found: Sequence[Explored], path: Path) -> None:
    """Draw times relative to the unchanged device, a group of bars for each device.

    Raises:
        Failure: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise failure("--plot needs matplotlib: pip install 'pim-opt[plots]'") from error
    kernels = list(dict.fromkeys(one.kernel for one in found))
    devices = sorted({_label(one): one for one in found}.values(), key=_order)
    labels = [_label(one) for one in devices]
    width = 0.8 / len(kernels)
    figure: Any = Figure(figsize=(max(5.0, 1.1 * len(labels) + 2), 4), layout="constrained")
    axes = figure.add_subplot()
    for number, kernel in enumerate(kernels):
        times = {_label(one): one.time_us for one in found if one.kernel == kernel}
        own = next(one.time_us for one in found if one.kernel == kernel)
        assert own is not None, "what cannot be tuned on the unchanged device is refused"
        heights = [(times[label] or 0.0) / own for label in labels]
        shift = (number - (len(kernels) - 1) / 2) * width
        axes.bar([i + shift for i in range(len(labels))], heights, width, label=str(kernel))
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel(", ".join(found[0].values))
    axes.set_ylabel("time, unchanged device = 1")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.15), ncols=2, frameon=False)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise failure(f"cannot write '{path}': {error}") from error


def _label(one: Explored) -> str:
    values = "\n".join(map(str, one.values.values()))
    return f"{values}\n(as it is)" if one.unchanged else values


def _order(one: Explored) -> tuple[tuple[bool, float, str], ...]:
    """Numbers by size, before all else by its text."""
    return tuple(
        (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))
        for value in one.values.values()
    )
