"""The bridge to MLIR itself, where its Python bindings are installed: text in, text out.

Both ways in generic form, which neither side misreads, with ops that MLIR does not know allowed,
and with locations in place, so that errors after the bridge still name the source.
"""

import importlib
import importlib.util
import re
from functools import lru_cache
from typing import Any

from pim_opt.dialects.diagnostics import DiagnosticError

_PACKAGES = ("mlir", "torch_mlir", "iree.compiler")

IMPORT_PIPELINE = (
    "builtin.module(func.func(linalg-generalize-named-ops),canonicalize,"
    "func.func(linalg-fuse-elementwise-ops),canonicalize,cse)"
)
"""Brings what frontends print to few generics. Fusion folds transposes into indexing maps, but also
pulls scale factors and divisions into contractions; linalg-normalize takes these out again."""

# Properties that MLIR prints at their default and xDSL's ops do not have.
_DEFAULT_PROPERTIES = re.compile(r" <\{overflowFlags = #arith\.overflow<none>\}>")


@lru_cache
def installed_package() -> str | None:
    """The first installed package with the bindings, or None."""
    for name in _PACKAGES:
        try:
            if importlib.util.find_spec(f"{name}.ir") is not None:
                return name
        except ModuleNotFoundError:
            continue
    return None


def available() -> bool:
    """Whether MLIR's Python bindings are installed."""
    return installed_package() is not None


def bindings(module: str) -> Any:
    """A module of the bindings, "ir" say.

    Raises:
        DiagnosticError: they are not installed.
    """
    package = installed_package()
    if package is None:
        raise DiagnosticError(
            "MLIR's Python bindings are not installed", hint="pip install pim-opt[mlir]"
        )
    return importlib.import_module(f"{package}.{module}")


def run_pipeline(text: str, pipeline: str) -> str:
    """Run an MLIR pass pipeline on a module.

    Args:
        text: the module, in generic form.
        pipeline: as mlir-opt takes it, `builtin.module(...)` around it.

    Returns:
        The module in generic form.

    Raises:
        DiagnosticError: the bindings are missing, or MLIR refuses the module or the pipeline.
    """
    ir = bindings("ir")
    manager = bindings("passmanager").PassManager
    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        try:
            module = ir.Module.parse(text)
            manager.parse(pipeline).run(module.operation)
        except (ir.MLIRError, ValueError) as error:
            raise DiagnosticError(f"MLIR: {error}") from error
        printed: str = module.operation.get_asm(
            print_generic_op_form=True, enable_debug_info=True, use_local_scope=True
        )
    return _DEFAULT_PROPERTIES.sub("", printed)
