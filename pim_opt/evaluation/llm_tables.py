"""The language-model evaluation as Markdown tables and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pim_opt.evaluation.kernel_tables import table
from pim_opt.evaluation.llm_bench import VARIANTS, LlmBench, RequestResult
from pim_opt.evaluation.llm_kernels import LENGTH_STEP
from pim_opt.evaluation.llm_published import BEST_SPEEDUP, MEAN_SPEEDUPS
from pim_opt.evaluation.llm_rules import CORRECTIONS, HONEST, PAPER, only
from pim_opt.tune.model_error import geometric_mean


def markdown(bench: LlmBench) -> str:
    """All tables."""
    how = "the published rules" if bench.rules == PAPER else "honest rules"
    parts = [
        f"### Decoding by {how}, {bench.device} beside {bench.host.name}",
        table(_HEADER, _rows(bench)),
        *(f"Refused: {text}" for text in _refused(bench)),
        table(("over all points", *VARIANTS, "published, full and tuned"), _means(bench)),
        *([] if bench.rules == PAPER else ["### Corrections", table(_EFFECTS, _effects(bench))]),
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
)


def _of(result: RequestResult) -> tuple[str, str, str]:
    request = result.request
    lengths = f"{request.input_length}, {request.output_length}"
    return request.model.name, str(request.batch), lengths


def _rows(bench: LlmBench) -> Iterator[Sequence[str]]:
    for result in bench.results:
        yield (
            *_of(result),
            _ms(result.gpu.total),
            *(_ms(result.variants[name].total) for name in VARIANTS),
            *(f"{result.speedup(name):.2f}" for name in VARIANTS),
        )


def _refused(bench: LlmBench) -> Iterator[str]:
    for result in bench.results:
        if result.refused is not None:
            name, batch, lengths = _of(result)
            yield f"{name}, batch {batch}, {lengths}: {result.refused}"


_EFFECTS = ("arithmetic mean with", *VARIANTS)


def _effects(bench: LlmBench) -> Iterator[Sequence[str]]:
    """What each correction does to the published rules alone, and all of them."""
    rows = {"no correction": PAPER}
    rows |= {text: only(name) for name, text in CORRECTIONS.items()}
    rows["all corrections"] = HONEST
    for text, rules in rows.items():
        other = bench.under(rules, every=LENGTH_STEP)
        yield (text, *(_mean(other.speedups(name)) for name in VARIANTS))


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else ""


def _means(bench: LlmBench) -> Iterator[Sequence[str]]:
    if not bench.speedups("base"):
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
    "head",
    "launches",
    "KV append",
    "partial sums",
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
        "rules": asdict(bench.rules),
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
        "refused": result.refused,
        "variants_s": {name: times.as_dict() for name, times in result.variants.items()},
        "speedups": {name: round(result.speedup(name), 4) for name in VARIANTS},
    }
