// y = linear(x, w.to(f16) * s): int8 weights, scaled for each output channel before the product.
// Written as torch-mlir prints it (linalg on tensors, sums in f32); weights are arguments.
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0, 0)>
module {
  func.func @scale_before(%arg0: tensor<1x1000xf16>, %arg1: tensor<700x1000xi8>, %arg2: tensor<700x1xf16>) -> tensor<1x700xf16> {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<700x1000xf16>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg1 : tensor<700x1000xi8>) outs(%0 : tensor<700x1000xf16>) {
    ^bb0(%in: i8, %out: f16):
      %10 = arith.sitofp %in : i8 to f16
      linalg.yield %10 : f16
    } -> tensor<700x1000xf16>
    %2 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%1, %arg2 : tensor<700x1000xf16>, tensor<700x1xf16>) outs(%0 : tensor<700x1000xf16>) {
    ^bb0(%in: f16, %in_0: f16, %out: f16):
      %10 = arith.mulf %in, %in_0 : f16
      linalg.yield %10 : f16
    } -> tensor<700x1000xf16>
    %3 = tensor.empty() : tensor<1000x700xf16>
    %transposed = linalg.transpose ins(%2 : tensor<700x1000xf16>) outs(%3 : tensor<1000x700xf16>) permutation = [1, 0]
    %4 = tensor.empty() : tensor<1x700xf32>
    %5 = linalg.fill ins(%cst : f32) outs(%4 : tensor<1x700xf32>) -> tensor<1x700xf32>
    %6 = linalg.matmul ins(%arg0, %transposed : tensor<1x1000xf16>, tensor<1000x700xf16>) outs(%5 : tensor<1x700xf32>) -> tensor<1x700xf32>
    %7 = tensor.empty() : tensor<1x700xf16>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<1x700xf32>) outs(%7 : tensor<1x700xf16>) {
    ^bb0(%in: f32, %out: f16):
      %10 = arith.truncf %in : f32 to f16
      linalg.yield %10 : f16
    } -> tensor<1x700xf16>
    return %8 : tensor<1x700xf16>
  }
}
