"""The IR after every pass: its size does not follow the tensors', and nothing is kept beside it."""

from collections.abc import Iterator

import pytest
from contractions import RandomContraction
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from pim_opt.devices import device_names, load_device
from pim_opt.dialects.pim import BarrierOp
from pim_opt.parsing import make_context, parse_module
from pim_opt.pass_options import expand, make_pass
from pim_opt.pipeline_spec import OptionSpec, PassSpec

DEVICES = [name for name in device_names() if load_device(name).kernels.contraction is not None]


def gemv(n: int, k: int) -> str:
    return RandomContraction((n, k), ("output", "reduction"), (1,), (0, 1), (0,)).mlir()


TWO_KERNELS = """
func.func @two(%x : tensor<5x1x90xf16>, %w : tensor<5x70x90xf16>, %v : tensor<33x5x70xf16>)
    -> tensor<5x33xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<5x70xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<5x70xf16>) -> tensor<5x70xf16>
  %y = linalg.generic {
      indexing_maps = [affine_map<(h, n, k) -> (h, 0, k)>, affine_map<(h, n, k) -> (h, n, k)>,
                       affine_map<(h, n, k) -> (h, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<5x1x90xf16>, tensor<5x70x90xf16>) outs(%i : tensor<5x70xf16>) {
  ^bb0(%a: f16, %b: f16, %acc: f16):
    %p = arith.mulf %a, %b : f16
    %s = arith.addf %acc, %p : f16
    linalg.yield %s : f16
  } -> tensor<5x70xf16>
  %f = tensor.empty() : tensor<5x33xf16>
  %j = linalg.fill ins(%zero : f16) outs(%f : tensor<5x33xf16>) -> tensor<5x33xf16>
  %z = linalg.generic {
      indexing_maps = [affine_map<(h, n, k) -> (n, h, k)>, affine_map<(h, n, k) -> (h, k)>,
                       affine_map<(h, n, k) -> (h, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %y : tensor<33x5x70xf16>, tensor<5x70xf16>) outs(%j : tensor<5x33xf16>) {
  ^bb0(%a: f16, %b: f16, %acc: f16):
    %p = arith.mulf %a, %b : f16
    %s = arith.addf %acc, %p : f16
    linalg.yield %s : f16
  } -> tensor<5x33xf16>
  func.return %z : tensor<5x33xf16>
}
"""


def passes(device: str) -> list[PassSpec]:
    return expand([PassSpec("pim-compile", {"device": OptionSpec(device, 0)}, 0)], "")


def compiled(module: ModuleOp, context: Context, specs: list[PassSpec]) -> Iterator[str]:
    """Run passes one by one; gives the name of each when it is done."""
    for spec in specs:
        make_pass(spec, "").apply(context, module)
        module.verify()
        yield spec.name


@pytest.mark.parametrize("device", DEVICES)
def test_as_many_ops_for_a_large_gemv_as_for_a_small_one(device: str) -> None:
    specs = passes(device)
    counts: list[list[tuple[str, int]]] = []
    # Both fill all levels, and buffers more than once: a unit that commands reach one by one takes
    # loops of its own, and the host may have sums of every chunk to add.
    for n, k in ((4096, 4096), (4096, 2048)):
        context = make_context()
        module = parse_module(gemv(n, k), "<text>", context)
        stages = compiled(module, context, specs)
        counts.append([(name, ops_of(module)) for name in stages])
    assert counts[0] == counts[1]


def ops_of(module: ModuleOp) -> int:
    """Ops of a module. Barriers are left out: which of them can go follows from the timing of the
    commands around them, and a kernel that uses fewer banks has other timing."""
    return sum(1 for op in module.walk() if not isinstance(op, BarrierOp))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("text", [gemv(300, 77), TWO_KERNELS], ids=["gemv", "two kernels"])
def test_compilation_goes_on_from_what_was_printed(device: str, text: str) -> None:
    specs = passes(device)
    context = make_context()
    module = parse_module(text, "<text>", context)
    printed = [str(module)]
    printed += [str(module) for _ in compiled(module, context, specs)]
    for done, stage in enumerate(printed):
        fresh = make_context()
        read = parse_module(stage, "<text>", fresh)
        assert str(read) == stage
        list(compiled(read, fresh, specs[done:]))
        assert str(read) == printed[-1]
