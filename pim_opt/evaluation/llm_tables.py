"""The language-model evaluation as Markdown tables and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pim_opt.evaluation.kernel_tables import table
from pim_opt.evaluation.llm_bench import VARIANTS, LlmBench, RequestResult
from pim_opt.evaluation.llm_published import BEST_SPEEDUP, MEAN_SPEEDUPS, TUNED_MS
from pim_opt.tune.model_error import geometric_mean


def markdown(bench: LlmBench) -> str:
    """All tables."""
    parts = [
        f"### Decoding by the published rules, {bench.device} beside {bench.host.name}",
        table(_HEADER, _rows(bench)),
        table(("over all points", *VARIANTS, "published, full and tuned"), _means(bench)),
        "### Where a token's time goes, full + ours (ms)",
        table(_PARTS, _parts(bench)),
        "### Kernels of a stack",
        table(("kernel", "shape", "cycles", "schedule"), _kernels(bench)),
    ]
    return "\n\n".join(parts)


_HEADER = (
    "model",
    "batch",
    "in, out",
    "GPU ms",
    *(f"{name} ms" for name in VARIANTS),
    *(f"{name} x" for name in VARIANTS),
    "full, published tilings ms",
)


def _of(result: RequestResult) -> tuple[str, str, str]:
    request = result.request
    lengths = f"{request.input_length}, {request.output_length}"
    return request.model.name, str(request.batch), lengths


def _rows(bench: LlmBench) -> Iterator[Sequence[str]]:
    seen: dict[tuple[str, int], int] = {}
    for result in bench.results:
        key = (result.request.model.name, result.request.batch)
        number = seen[key] = seen.get(key, -1) + 1
        yield (
            *_of(result),
            _ms(result.gpu.total),
            *(_ms(result.variants[name].total) for name in VARIANTS),
            *(f"{result.speedup(name):.2f}" for name in VARIANTS),
            f"{TUNED_MS[key][number]:.3f}",
        )


def _means(bench: LlmBench) -> Iterator[Sequence[str]]:
    if not bench.results:
        return
    every = {name: bench.speedups(name) for name in VARIANTS}
    arithmetic = [f"{sum(x) / len(x):.2f}" for x in every.values()]
    yield ("arithmetic mean", *arithmetic, ", ".join(map(str, MEAN_SPEEDUPS)))
    yield ("geometric mean", *(f"{geometric_mean(x):.2f}" for x in every.values()), "")
    yield ("least", *(f"{min(x):.2f}" for x in every.values()), "")
    yield ("best", *(f"{max(x):.2f}" for x in every.values()), str(BEST_SPEEDUP))


_PARTS = (
    "model",
    "batch",
    "in, out",
    "attention",
    "softmax",
    "QKV",
    "projection",
    "feed-forward",
    "norm",
    "activation",
    "link",
    "total",
)


def _parts(bench: LlmBench) -> Iterator[Sequence[str]]:
    for result in bench.results:
        times = result.variants["full + ours"]
        yield (*_of(result), *map(_ms, times.as_dict().values()), _ms(times.total))


def _kernels(bench: LlmBench) -> Iterator[Sequence[str]]:
    for kernel, found in bench.kernels.items():
        shape = "x".join(map(str, kernel.shape))
        schedule = found.schedule.replace("|", r"\|")
        yield (kernel.kind, shape, f"{found.cycles:,}", f"`{schedule}`")


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def as_json(bench: LlmBench) -> dict[str, object]:
    """The results, ready for json.dumps."""
    return {
        "host": bench.host.name,
        "device": bench.device,
        "complete": bench.complete,
        "failed": list(bench.failed),
        "requests": [_json(result) for result in bench.results],
        "kernels": [
            {**asdict(kernel), "cycles": found.cycles, "schedule": found.schedule}
            for kernel, found in bench.kernels.items()
        ],
    }


def _json(result: RequestResult) -> dict[str, object]:
    request = result.request
    return {
        "model": request.model.name,
        "batch": request.batch,
        "input_length": request.input_length,
        "output_length": request.output_length,
        "gpu_s": result.gpu.as_dict(),
        "variants_s": {name: times.as_dict() for name, times in result.variants.items()},
        "speedups": {name: round(result.speedup(name), 4) for name in VARIANTS},
    }
