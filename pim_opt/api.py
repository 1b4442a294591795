"""The compiler as a library: compile a module, run it, and get typed reports of both."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Operation

from pim_opt.calls import predicted_cycles, reorders, timing_of, with_length
from pim_opt.devices import load_device
from pim_opt.diagnostics import (
    Diagnostic,
    diagnosed,
    failure,
    from_remark,
    read_text,
    verify,
)
from pim_opt.dialects import mlir_bridge
from pim_opt.dialects.diagnostics import place_of, remarks_to
from pim_opt.dialects.layout import BindOp, PlacementAttr, layout_of
from pim_opt.dialects.pim import KernelOp
from pim_opt.parsing import make_context, parse_module
from pim_opt.pass_options import expand, make_pass
from pim_opt.passes.kernel_access import device_named, element_of, kernels, shape_of
from pim_opt.passes.kernel_classes import class_of
from pim_opt.passes.pim_length_argument import PimLengthArgumentPass
from pim_opt.pipeline_spec import OptionSpec, PassSpec
from pim_opt.sim.evaluate import Evaluator
from pim_opt.sim.functional import Execution
from pim_opt.sim.levels import PimLevels
from pim_opt.sim.semantics import (
    deviation,
    functions,
    has_static_shapes,
    normal_values,
    run_function,
    tolerances,
)
from pim_opt.sim.timing import Result

Array = NDArray[Any]

_NO_WORK = (arith.ConstantOp, tensor.EmptyOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp,
            linalg.FillOp, func.ReturnOp)  # fmt: skip
"""Ops of a function that cost the host nothing worth listing."""


@dataclass(frozen=True)
class KernelReport:
    """One offloaded kernel."""

    name: str
    pattern: str
    shape: dict[str, int]
    """Size by loop dimension."""
    schedule: str
    floor_cycles: int
    """Cycles that its multiplications take at best, on all cores at once."""
    resident_bytes: int
    """Bytes placed in PIM memory once, before the first call."""
    commands: dict[str, int] = field(default_factory=dict[str, int])
    """Commands issued by kind; empty unless the kernel was run."""
    rearranged_bytes: int = 0
    """Bytes that commands moved between host, banks and buffers."""
    cycles: int = 0
    """What a call takes on the cycle simulator; 0 unless the kernel was run."""
    time_ns: float = 0.0
    length: int | None = None
    """Positions that took part, where the kernel takes their number."""
    predicted_cycles: float | None = None
    """What the cost model says of that length."""


@dataclass(frozen=True)
class Compiled:
    """A module whose kernels are command programs."""

    module: ModuleOp
    original: ModuleOp
    """The module as it was read; where a length became an argument, behind the pass for it."""
    context: Context
    device: str
    kernels: tuple[KernelReport, ...]
    host_ops: tuple[str, ...]
    """Ops that stay on the host, those that do the same together, with their lines."""
    remarks: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        return str(self.module)


@dataclass(frozen=True)
class RunReport:
    """A compiled function, executed and compared with the host's numbers."""

    device: str
    kernels: tuple[KernelReport, ...]
    host_ops: tuple[str, ...]
    max_abs_error: float
    max_rel_error: float
    """Largest absolute error of a result over that result's largest magnitude."""
    tolerance: float
    """What rounding allows `max_abs_error` to be."""
    ok: bool
    order_kept: bool
    """Whether commands issue in an order that keeps all dependences, where the device reorders."""
    results: tuple[Array, ...] = field(repr=False)
    remarks: tuple[Diagnostic, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The report without arrays, ready for json.dumps."""
        shown = asdict(self)
        del shown["results"], shown["remarks"]
        for kernel in shown["kernels"]:
            del kernel["resident_bytes"]
            if kernel["length"] is None:
                del kernel["length"], kernel["predicted_cycles"]
        return shown


def read_module(source: str | Path | ModuleOp, context: Context) -> tuple[ModuleOp, str]:
    """A module from a path, from MLIR text or as it is; and a name for messages.

    Raises:
        Failure: the file cannot be read, or the text is not a valid module.
    """
    if isinstance(source, ModuleOp):
        return source, "<module>"
    name = str(source) if isinstance(source, Path) else "<text>"
    text = read_text(source) if isinstance(source, Path) else source
    with diagnosed(name):
        module = parse_module(text, name, context)
    verify(module, name)
    return module, name


def compile(
    source: str | Path | ModuleOp,
    *,
    device: str = "attacc",
    schedule: str | None = None,
    narrow_to: str | None = None,
    inputs: str = "dram",
    opt: int = 1,
    objective: str = "latency",
    records: Path | None = None,
    variable_length: bool = False,
) -> Compiled:
    """Compile a module: what the device can run becomes command programs.

    Args:
        source: a path, MLIR text, or a module.
        device: a known device's name, or the path of a device file.
        schedule: one line of text for all kernels; by default the device's hand mapping.
        narrow_to: element type that f32 contractions may be rounded to, "f16" say.
        inputs: where streamed operands start: "dram" (host layout) or "host".
        opt: how schedules are chosen that are not given: 1 by rule of thumb, 2 the best under the
            cost model, 3 the best of these by simulation.
        objective: what the best schedule has least of: "latency", "energy", "edp", "compute" or
            "rearrangement".
        records: a file that remembers what tuning with opt 3 finds.
        variable_length: whether functions with attention take the number of positions as their last
            argument, an index, so that one program serves all lengths up to that in the source.

    Raises:
        Failure: whatever is wrong with source, device or schedule, with its place.
    """
    context = make_context()
    original, name = read_module(source, context)
    module = original.clone()
    with diagnosed(name):
        device_named(device)
    remarks: list[Diagnostic] = []
    with diagnosed(name), remarks_to(lambda remark: remarks.append(from_remark(remark))):
        specs = compile_passes(
            device=device,
            schedule=schedule,
            narrow_to=narrow_to,
            inputs=inputs,
            opt=str(opt),
            objective=objective,
            records=None if records is None else str(records),
            variable_length="true" if variable_length else None,
        )
        for spec in specs:
            make_pass(spec, "").apply(context, module)
            verify(module, name)
            if spec.name == PimLengthArgumentPass.name:
                original = module.clone()
        reports = tuple(_kernel_report(kernel) for kernel in kernels(module))
    return Compiled(module, original, context, device, reports, _host_ops(module), tuple(remarks))


def compile_passes(**options: str | None) -> list[PassSpec]:
    """The passes of pim-compile, after MLIR's own where its bindings are installed.

    Args:
        options: of pim-compile; None is not given.

    Raises:
        PipelineError: a value that the pipeline does not know.
    """
    given = {k: OptionSpec(v, 0, quoted=True) for k, v in options.items() if v is not None}
    specs = [PassSpec("mlir", {}, 0)] if mlir_bridge.available() else []
    return specs + expand([PassSpec("pim-compile", given, 0)], "")


def _kernel_report(kernel: KernelOp) -> KernelReport:
    assert kernel.schedule is not None, "a compiled kernel has one"
    return KernelReport(
        kernel.label.data,
        kernel.kind,
        {dim.name: dim.size for dim in kernel.computation.dims},
        str(kernel.schedule.data),
        class_of(kernel).floor_cycles(kernel),
        sum(map(_resident_bytes, kernel.body.block.ops)),
    )


def _resident_bytes(op: Operation) -> int:
    """What an operand takes in PIM memory, padding included, where `op` binds one that stays."""
    if not isinstance(op, BindOp) or op.resident is None:
        return 0
    layout = layout_of(op.result)
    assert isinstance(layout, PlacementAttr), "resident operands have a place"
    return prod(layout.data.padded_shape()) * element_of(op.result).bitwidth // 8


def _host_ops(module: ModuleOp) -> tuple[str, ...]:
    """What the host computes, alike ops together: "2 x linalg.generic {truncf} (lines 4, 9)"."""
    alike: dict[str, list[Operation]] = {}
    for function in functions(module):
        for op in function.body.block.ops:
            if not isinstance(op, (*_NO_WORK, KernelOp)) and not _is_fill(op):
                alike.setdefault(_described(op), []).append(op)
    return tuple(_counted(description, ops) for description, ops in alike.items())


def _described(op: Operation) -> str:
    """The op's name, and for a generic the scalar ops of its body, which say what it does."""
    if not isinstance(op, linalg.GenericOp):
        return op.name
    inner = [o.name.rpartition(".")[2] for o in op.body.block.ops if o is not op.body.block.last_op]
    names = dict.fromkeys(name for name in inner if name != "constant")
    return f"linalg.generic {{{', '.join(names) or 'copy'}}}"


def _counted(description: str, ops: Sequence[Operation]) -> str:
    count = f"{len(ops)} x " if len(ops) > 1 else ""
    lines = sorted({place.line for place in map(place_of, ops) if place is not None})
    if not lines:
        return f"{count}{description}"
    where = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}"
    return f"{count}{description} ({where})"


def _is_fill(op: Operation) -> bool:
    return isinstance(op, linalg.GenericOp) and not op.inputs


def run(
    source: str | Path | ModuleOp | Compiled,
    *,
    arguments: Sequence[Array] | None = None,
    length: int | None = None,
    seed: int = 0,
    **options: Any,
) -> RunReport:
    """Compile, execute on the functional simulator, and compare with the host's own numbers.

    Args:
        source: what to compile, or what was compiled.
        arguments: of the module's only function; random ones by default.
        length: in place of the argument that is one, which `arguments` leave out.
        seed: of the random arguments.
        options: as for `compile`.

    Raises:
        Failure: as for `compile`; or the module has not one function of static shape.
    """
    compiled = source if isinstance(source, Compiled) else compile(source, **options)
    original = _only_function(compiled.original)
    function = _only_function(compiled.module)
    given = normal_values(original, np.random.default_rng(seed)) if arguments is None else arguments
    arguments = with_length(original, given, length, complete=arguments is None)
    with diagnosed("<module>"):
        expected = run_function(original, arguments)
        levels = PimLevels()
        results = Evaluator(levels.handlers()).evaluate_function(function, arguments)
        allowed = tolerances(function, arguments)
    lengths = {name: execution.length for name, execution in levels.executions.items()}
    timing = timing_of(compiled.module, compiled.device, lengths)
    predicted = predicted_cycles(compiled.module, lengths)
    errors = [deviation(a, b) for a, b in zip(results, expected, strict=True)]
    scale = [float(np.abs(np.nan_to_num(e.astype(np.float64))).max(initial=0)) for e in expected]
    # The result that is worst against what it is allowed speaks for all.
    worst = max(
        range(len(errors)), key=lambda i: errors[i] / allowed[i] if allowed[i] else errors[i]
    )
    return RunReport(
        compiled.device,
        tuple(
            _with_execution(k, levels.executions[k.name], timing[k.name], predicted.get(k.name))
            for k in compiled.kernels
        ),
        compiled.host_ops,
        errors[worst],
        max((e / s for e, s in zip(errors, scale, strict=True) if s), default=0.0),
        allowed[worst],
        all(error <= limit for error, limit in zip(errors, allowed, strict=True)),
        reorders(load_device(compiled.device)),
        tuple(results),
        compiled.remarks,
    )


def _only_function(module: ModuleOp) -> func.FuncOp:
    found = functions(module)
    if len(found) != 1:
        names = ", ".join(function.sym_name.data for function in found) or "none"
        raise failure(f"the module has {len(found)} functions ({names}); expected one to run")
    if not has_static_shapes(found[0]):
        raise failure(
            f"'{found[0].sym_name.data}' has arguments of dynamic shape, so it cannot be run",
            place_of(found[0]),
        )
    if not found[0].function_type.outputs:
        raise failure(
            f"'{found[0].sym_name.data}' has no result to compare with the host's",
            place_of(found[0]),
        )
    return found[0]


def _with_execution(
    kernel: KernelReport, execution: Execution, timing: Result, predicted: float | None
) -> KernelReport:
    commands = dict(sorted(Counter(execution.commands).items()))
    commands = {name: count for name, count in commands.items() if count}
    return KernelReport(
        kernel.name,
        kernel.pattern,
        kernel.shape,
        kernel.schedule,
        kernel.floor_cycles,
        kernel.resident_bytes,
        commands,
        sum(execution.moved_bytes.values()),
        timing.cycles,
        timing.time_ns,
        execution.length,
        predicted,
    )


__all__ = ["Compiled", "KernelReport", "RunReport", "compile", "run", "shape_of"]
