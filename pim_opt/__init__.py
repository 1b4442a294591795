"""pim-opt: a tensor compiler for Processing-In-Memory DRAM.

import pim_opt
compiled = pim_opt.compile(Path("gemv.mlir"), device="attacc")
report = pim_opt.run(compiled)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pim_opt.api import Compiled, KernelReport, RunReport, compile, run
    from pim_opt.devices import Device, load_device
    from pim_opt.simulation import simulate
    from pim_opt.tuning import TuneReport, autotune

__all__ = [
    "Compiled",
    "Device",
    "KernelReport",
    "RunReport",
    "TuneReport",
    "autotune",
    "compile",
    "load_device",
    "run",
    "simulate",
]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: the tools start without them.
    import importlib  # noqa: PLC0415

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = {
        "Device": "devices",
        "TuneReport": "tuning",
        "autotune": "tuning",
        "load_device": "devices",
        "simulate": "simulation",
    }
    return getattr(importlib.import_module(f"pim_opt.{homes.get(name, 'api')}"), name)
