"""What is split off a body computes the same in the place that it gets."""

import numpy as np
from attention import function_of, normalised, random_arguments, run

from pim_opt.parsing import make_context, parse_module

FACTOR_OF_LOOP_NUMBERS = """
func.func @f(%x: tensor<2x5xf32>, %w: tensor<3x5xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>,
      affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x5xf32>, tensor<3x5xf32>) outs(%init : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %position = linalg.index 2 : index
    %integer = arith.index_cast %position : index to i64
    %float = arith.sitofp %integer : i64 to f32
    %factor = arith.mulf %b, %float : f32
    %p = arith.mulf %a, %factor : f32
    %r = arith.addf %o, %p : f32
    linalg.yield %r : f32
  } -> tensor<2x3xf32>
  func.return %y : tensor<2x3xf32>
}
"""


def test_loop_numbers_follow_their_loops() -> None:
    source = parse_module(FACTOR_OF_LOOP_NUMBERS, "<text>", make_context())
    arguments = random_arguments(function_of(source))
    (before,) = run(source, arguments)
    module = normalised(FACTOR_OF_LOOP_NUMBERS)
    assert sum(op.name == "linalg.generic" for op in module.walk()) == 2
    (after,) = run(module, arguments)
    np.testing.assert_allclose(after, before, rtol=1e-5)
