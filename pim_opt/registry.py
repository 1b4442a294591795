"""Everything that has a name: dialects, passes, output targets. Data, resolved when used.

Reading this module imports no xDSL, so that `pim-opt --help` starts at once.
"""

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdsl.universe import Universe

DIALECTS: dict[str, str] = {
    "layout": "pim_opt.dialects.layout:Layout",
    "linalg": "pim_opt.dialects.compat.linalg:Linalg",  # in place of xDSL's own
    "pim": "pim_opt.dialects.pim:Pim",
    "tensor": "pim_opt.dialects.compat.tensor:Tensor",  # likewise
}

PASSES: dict[str, str] = {
    "layout-fold-rearrangements": (
        "pim_opt.passes.layout_fold_rearrangements:LayoutFoldRearrangementsPass"
    ),
    "layout-insert-rearrangements": (
        "pim_opt.passes.layout_insert_rearrangements:LayoutInsertRearrangementsPass"
    ),
    "layout-map-banks": "pim_opt.passes.layout_map_banks:LayoutMapBanksPass",
    "linalg-normalize": "pim_opt.passes.linalg_normalize:LinalgNormalizePass",
    "mlir": "pim_opt.passes.mlir:MlirPass",
    "pim-autotune": "pim_opt.passes.pim_autotune:PimAutotunePass",
    "pim-distribute": "pim_opt.passes.pim_distribute:PimDistributePass",
    "pim-length-argument": "pim_opt.passes.pim_length_argument:PimLengthArgumentPass",
    "pim-lower-to-commands": "pim_opt.passes.pim_lower_to_commands:PimLowerToCommandsPass",
    "pim-outline": "pim_opt.passes.pim_outline:PimOutlinePass",
    "pim-schedule-commands": "pim_opt.passes.pim_schedule_commands:PimScheduleCommandsPass",
    "pim-set-schedule": "pim_opt.passes.pim_set_schedule:PimSetSchedulePass",
}

UPSTREAM_PASSES: dict[str, str] = {
    "canonicalize": "xdsl.transforms.canonicalize:CanonicalizePass",
    "cse": "xdsl.transforms.common_subexpression_elimination:CommonSubexpressionElimination",
    "dce": "xdsl.transforms.dead_code_elimination:DeadCodeElimination",
}
"""Passes of xDSL that are of use beside ours."""

TARGETS: dict[str, str] = {
    "mlir": "pim_opt.targets:print_mlir",
    "pim-trace": "pim_opt.targets:print_trace",
    "aim-trace": "pim_opt.targets:print_instructions",
}


def resolve_name(module: str, attribute: str) -> Any:
    """An attribute of a module, imported now."""
    return getattr(importlib.import_module(module), attribute)


def resolve(entry: str) -> Any:
    """What an entry "module:attribute" names."""
    module, _, attribute = entry.partition(":")
    return resolve_name(module, attribute)


def _lazy(entries: dict[str, str]) -> dict[str, Any]:
    return {name: partial(resolve, entry) for name, entry in entries.items()}


def _universe() -> "Universe":
    from xdsl.universe import Universe  # noqa: PLC0415

    own = {name: entry for name, entry in DIALECTS.items() if name != "linalg"}
    return Universe(all_dialects=_lazy(own), all_passes=_lazy(PASSES))


def __getattr__(name: str) -> Any:
    # For xDSL's own tools, which look this name up; made when asked for.
    if name == "PIM_UNIVERSE":
        return _universe()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
