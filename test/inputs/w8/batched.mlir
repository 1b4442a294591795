// y = matmul(x, w.to(f16).transpose(-1, -2)) * s for four experts: int8 weights of each, f32 scales.
// Written as torch-mlir prints it (linalg on tensors, sums in f32); weights are arguments.
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d2)>
module {
  func.func @batched(%arg0: tensor<4x3x200xf16>, %arg1: tensor<4x260x200xi8>, %arg2: tensor<4x260xf32>) -> tensor<4x3x260xf16> {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<4x260x200xf16>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<4x260x200xi8>) outs(%0 : tensor<4x260x200xf16>) {
    ^bb0(%in: i8, %out: f16):
      %10 = arith.sitofp %in : i8 to f16
      linalg.yield %10 : f16
    } -> tensor<4x260x200xf16>
    %2 = tensor.empty() : tensor<4x200x260xf16>
    %transposed = linalg.transpose ins(%1 : tensor<4x260x200xf16>) outs(%2 : tensor<4x200x260xf16>) permutation = [0, 2, 1]
    %3 = tensor.empty() : tensor<4x3x260xf32>
    %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<4x3x260xf32>) -> tensor<4x3x260xf32>
    %5 = linalg.batch_matmul ins(%arg0, %transposed : tensor<4x3x200xf16>, tensor<4x200x260xf16>) outs(%4 : tensor<4x3x260xf32>) -> tensor<4x3x260xf32>
    %6 = tensor.empty() : tensor<4x3x260xf16>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%5, %arg2 : tensor<4x3x260xf32>, tensor<4x260xf32>) outs(%6 : tensor<4x3x260xf16>) {
    ^bb0(%in: f32, %in_0: f32, %out: f16):
      %10 = arith.mulf %in, %in_0 : f32
      %11 = arith.truncf %10 : f32 to f16
      linalg.yield %11 : f16
    } -> tensor<4x3x260xf16>
    return %7 : tensor<4x3x260xf16>
  }
}
