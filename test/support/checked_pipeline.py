"""The whole pipeline on a module, its meaning compared behind every pass."""

from collections.abc import Callable

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from pim_opt.diagnostics import verify
from pim_opt.parsing import make_context, parse_module
from pim_opt.pass_options import expand, make_pass
from pim_opt.passes.pim_set_schedule import PimSetSchedulePass
from pim_opt.pipeline_spec import OptionSpec, PassSpec
from pim_opt.sim.semantics import SemanticsChecker


def compile_checked(
    text: str,
    device: str,
    inputs: str,
    choose: Callable[[ModuleOp], str] | None = None,
    *,
    narrow_to: str | None = None,
    variable_length: bool = False,
) -> tuple[ModuleOp, Context]:
    """A module compiled under the semantics check.

    Args:
        text: the module.
        device: what to compile for.
        inputs: where streamed operands start, "dram" or "host".
        choose: the schedule of the outlined module's kernels; by default their hand mapping.
        narrow_to: what f32 operands may be rounded to.
        variable_length: whether the number of positions becomes an argument.
    """
    context = make_context()
    module = parse_module(text, "<text>", context)
    checker = SemanticsChecker()
    checker.check(module, "input")
    options = {"device": OptionSpec(device, 0), "inputs": OptionSpec(inputs, 0)}
    if narrow_to is not None:
        options["narrow_to"] = OptionSpec(narrow_to, 0)
    if variable_length:
        options["variable_length"] = OptionSpec("true", 0)
    for spec in expand([PassSpec("pim-compile", options, 0)], ""):
        pass_ = make_pass(spec, "")
        if isinstance(pass_, PimSetSchedulePass) and choose is not None:
            pass_ = PimSetSchedulePass(choose(module))
        pass_.apply(context, module)
        verify(module, "<text>")
        checker.check(module, spec.name)
    return module, context
