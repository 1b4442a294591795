"""Runs MLIR's own passes on a module, through its Python bindings."""

from dataclasses import dataclass
from io import StringIO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer

from pim_opt.dialects.compat.parser import Parser
from pim_opt.dialects.mlir_bridge import IMPORT_PIPELINE, run_pipeline


@dataclass(frozen=True)
class MlirPass(ModulePass):
    """Run a pipeline of MLIR's own passes; needs the extra `mlir`.

    The module goes to MLIR and back as generic text; ops that MLIR does not know pass through, and
    locations stay.
    """

    name = "mlir"

    pipeline: str = IMPORT_PIPELINE
    """The pipeline, as mlir-opt takes it: "builtin.module(canonicalize,cse)"."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        stream = StringIO()
        Printer(stream, print_generic_format=True, print_debuginfo=True).print_op(op)
        result = Parser(ctx, run_pipeline(stream.getvalue(), self.pipeline)).parse_module()
        op.detach_region(op.body)
        op.add_region(result.detach_region(result.body))
