"""The kernel evaluation as Markdown tables and as JSON."""

from collections.abc import Iterator, Sequence

from pim_opt.evaluation.kernel_bench import BASELINES, KernelBench, KernelResult, suite_of
from pim_opt.evaluation.kernel_points import WAYS
from pim_opt.evaluation.published import REASONS

TITLES = {
    "hand": "hand mapping",
    "compute": "compute only",
    "rearrangement": "rearrangement only",
    "joint": "joint",
}
"""Ways of choosing a schedule, for people."""

GAP_WITHOUT_REASON = 0.1
"""A difference to a published figure up to which nothing is said."""


def markdown(bench: KernelBench) -> str:
    """All tables."""
    parts: list[str] = []
    for device in bench.devices:
        parts += [f"### {device}", table(_HEADER, _rows(bench, device))]
    parts += ["### Speed-ups over the GPU", table(_MEANS, _mean_rows(bench))]
    parts += ["### What separate tuning costs", table(_SEPARATE, _separate_rows(bench))]
    parts += ["### Beside the published streams", table(_GAPS, _gap_rows(bench))]
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_HEADER = (
    "kernel",
    "shape",
    *TITLES.values(),
    "bound",
    "us",
    "x paper's GPU",
    "x roofline",
    "x measured",
)


def _rows(bench: KernelBench, device: str) -> Iterator[Sequence[str]]:
    for result in bench.of(device):
        speedups = [result.speedup("joint", bench.gpu, name) for name in BASELINES]
        seconds = result.seconds("joint")
        yield (
            result.point.kind,
            shape_text(result),
            *(_cycles(result.cycles(way)) for way in (*WAYS, "bound")),
            _number(seconds and seconds * 1e6),
            *(_number(speedup) for speedup in speedups),
        )


_MEANS = (
    "device",
    "GPU",
    "schedules",
    "mean",
    "geometric mean",
    "best",
    "published mean (v1, v2)",
    "published best",
)


def _mean_rows(bench: KernelBench) -> Iterator[Sequence[str]]:
    for device in bench.devices:
        suite = suite_of(device)
        for baseline in BASELINES:
            published = [f"{suite.mean[0]}, {suite.mean[1]}", f"{suite.best}"]
            for way in (*WAYS, "bound"):
                means = bench.means(device, way, baseline)
                if means is None:
                    continue
                beside = published if (way, baseline) == ("joint", "paper") else ["", ""]
                figures = (means.arithmetic, means.geometric, means.best)
                name = TITLES.get(way, "bound: no schedule is above")
                yield (device, baseline, name, *map(_number, figures), *beside)


_SEPARATE = ("device", "tuned for", "times the cycles of joint, geometric mean", "worst")


def _separate_rows(bench: KernelBench) -> Iterator[Sequence[str]]:
    for device in bench.devices:
        for way in ("hand", "compute", "rearrangement"):
            found = bench.slowdown(device, way)
            if found is not None:
                yield (device, TITLES[way], *map(_number, found))


_GAPS = ("device", "kernel", "shape", "published hand", "published best", "ours", "gap", "why")


def _gap_rows(bench: KernelBench) -> Iterator[Sequence[str]]:
    for result in bench.results:
        known, gap = result.published, result.gap()
        if known is None or gap is None:
            continue
        key = (result.point.device, result.point.kind)
        yield (
            result.point.device,
            result.point.kind,
            shape_text(result),
            _cycles(known.hand),
            _cycles(known.best),
            _cycles(result.cycles("joint")),
            f"{gap:+.0%}",
            REASONS[key] if abs(gap) > GAP_WITHOUT_REASON else "",
        )


def shape_text(result: KernelResult) -> str:
    """Sizes as `1x32x128x512`."""
    return "x".join(map(str, result.point.shape))


def _cycles(cycles: float | None) -> str:
    return "" if cycles is None else f"{cycles:,.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def as_json(bench: KernelBench) -> dict[str, object]:
    """The results, ready for json.dumps."""
    return {
        "host": bench.gpu.host.name,
        "complete": bench.complete,
        "failed": list(bench.failed),
        "kernels": [_kernel_json(bench, result) for result in bench.results],
    }


def _kernel_json(bench: KernelBench, result: KernelResult) -> dict[str, object]:
    point, outcome = result.point, result.outcome
    gpu = {name: bench.gpu.seconds(name, point) for name in BASELINES}
    return {
        "device": point.device,
        "kind": point.kind,
        "shape": list(point.shape),
        "gpu_us": {n: None if s is None else round(s * 1e6, 4) for n, s in gpu.items()},
        "cycles": {way: row.cycles for way, row in outcome.rows.items()},
        "schedules": {way: row.schedule for way, row in outcome.rows.items()},
        "parts": {way: row.parts for way, row in outcome.rows.items()},
        "bound_cycles": round(outcome.bound, 1),
        "unsafe": outcome.unsafe,
        "executed": outcome.executed,
    }
