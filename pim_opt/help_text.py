"""The help of `pim-opt`: what argparse writes, then every pass with its options."""

from collections.abc import Iterable

from pim_opt.pass_options import pass_help
from pim_opt.pipelines import PIPELINES
from pim_opt.registry import PASSES, UPSTREAM_PASSES


def passes_help() -> str:
    """All passes, one line of text each, and their options with type and default."""
    lines = ["passes:"]
    for name in sorted(PASSES):
        entry = pass_help(name)
        lines.append(f"  {name:<30} {entry.text}")
        for option in entry.options:
            lines.append(f"    {option.name:<28} {option.type}, default {option.default}")
            if option.text:
                lines.append(f"    {'':<28} {option.text}")
    lines += ["", "pipelines:", *_pipelines()]
    lines += ["", "passes of xDSL:", f"  {', '.join(UPSTREAM_PASSES)}"]
    return "\n".join(lines)


def _pipelines() -> Iterable[str]:
    for name, (make, options) in PIPELINES.items():
        yield f"  {name:<30} {(make.__doc__ or '').splitlines()[0]}"
        for option, default in options.items():
            shown = f"default {default}" if default else "not given by default"
            yield f"    {option.replace('_', '-'):<28} str, {shown}"
