// Grouped queries by einsum, 3 key/value heads of 2 query heads each, f32.
// Made with torch 2.13.0 and torch-mlir 20261001 (fx importer, linalg-on-tensors).
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @grouped(%arg0: tensor<2x6x1x8xf32>, %arg1: tensor<2x3x9x8xf32>, %arg2: tensor<2x3x9x8xf32>) -> tensor<2x1x48xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %c0_i64 = arith.constant 0 : i64
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 0.35355339059327379 : f64
    %collapsed = tensor.collapse_shape %arg0 [[0], [1], [2, 3]] : tensor<2x6x1x8xf32> into tensor<2x6x8xf32>
    %expanded = tensor.expand_shape %collapsed [[0], [1, 2], [3, 4]] output_shape [2, 3, 2, 8, 1] : tensor<2x6x8xf32> into tensor<2x3x2x8x1xf32>
    %expanded_2 = tensor.expand_shape %arg1 [[0], [1], [2], [3, 4]] output_shape [2, 3, 9, 8, 1] : tensor<2x3x9x8xf32> into tensor<2x3x9x8x1xf32>
    %collapsed_3 = tensor.collapse_shape %expanded [[0, 1], [2], [3, 4]] : tensor<2x3x2x8x1xf32> into tensor<6x2x8xf32>
    %0 = tensor.empty() : tensor<2x3x8x9x1xf32>
    %transposed = linalg.transpose ins(%expanded_2 : tensor<2x3x9x8x1xf32>) outs(%0 : tensor<2x3x8x9x1xf32>) permutation = [0, 1, 3, 2, 4] 
    %collapsed_4 = tensor.collapse_shape %transposed [[0, 1], [2], [3, 4]] : tensor<2x3x8x9x1xf32> into tensor<6x8x9xf32>
    %1 = tensor.empty() : tensor<6x2x9xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<6x2x9xf32>) -> tensor<6x2x9xf32>
    %3 = linalg.batch_matmul ins(%collapsed_3, %collapsed_4 : tensor<6x2x8xf32>, tensor<6x8x9xf32>) outs(%2 : tensor<6x2x9xf32>) -> tensor<6x2x9xf32>
    %expanded_5 = tensor.expand_shape %3 [[0, 1], [2], [3, 4]] output_shape [2, 3, 2, 1, 9] : tensor<6x2x9xf32> into tensor<2x3x2x1x9xf32>
    %4 = tensor.empty() : tensor<2x3x2x9x1xf32>
    %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<2x3x2x1x9xf32>) outs(%4 : tensor<2x3x2x9x1xf32>) permutation = [0, 1, 2, 4, 3] 
    %collapsed_7 = tensor.collapse_shape %transposed_6 [[0], [1], [2], [3, 4]] : tensor<2x3x2x9x1xf32> into tensor<2x3x2x9xf32>
    %5 = tensor.empty() : tensor<2x3x2x9xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_7 : tensor<2x3x2x9xf32>) outs(%5 : tensor<2x3x2x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = arith.truncf %cst_1 : f64 to f32
      %23 = arith.mulf %in, %22 : f32
      linalg.yield %23 : f32
    } -> tensor<2x3x2x9xf32>
    %7 = tensor.empty() : tensor<2x3x2xi64>
    %8 = linalg.fill ins(%c0_i64 : i64) outs(%7 : tensor<2x3x2xi64>) -> tensor<2x3x2xi64>
    %9 = tensor.empty() : tensor<2x3x2xf32>
    %10 = linalg.fill ins(%cst_0 : f32) outs(%9 : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
    %11:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<2x3x2x9xf32>) outs(%10, %8 : tensor<2x3x2xf32>, tensor<2x3x2xi64>) {
    ^bb0(%in: f32, %out: f32, %out_15: i64):
      %22 = linalg.index 3 : index
      %23 = arith.index_cast %22 : index to i64
      %24 = arith.maximumf %in, %out : f32
      %25 = arith.cmpf ogt, %in, %out : f32
      %26 = arith.select %25, %23, %out_15 : i64
      linalg.yield %24, %26 : f32, i64
    } -> (tensor<2x3x2xf32>, tensor<2x3x2xi64>)
    %expanded_8 = tensor.expand_shape %11#0 [[0], [1], [2, 3]] output_shape [2, 3, 2, 1] : tensor<2x3x2xf32> into tensor<2x3x2x1xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %expanded_8 : tensor<2x3x2x9xf32>, tensor<2x3x2x1xf32>) outs(%5 : tensor<2x3x2x9xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %22 = arith.subf %in, %in_15 : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x2x9xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12 : tensor<2x3x2x9xf32>) outs(%5 : tensor<2x3x2x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = math.exp %in : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x2x9xf32>
    %14 = tensor.empty() : tensor<2x3x2x1xf32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<2x3x2x1xf32>) -> tensor<2x3x2x1xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%13 : tensor<2x3x2x9xf32>) outs(%15 : tensor<2x3x2x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = arith.addf %in, %out : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x2x1xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%13, %16 : tensor<2x3x2x9xf32>, tensor<2x3x2x1xf32>) outs(%5 : tensor<2x3x2x9xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %22 = arith.divf %in, %in_15 : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x2x9xf32>
    %collapsed_9 = tensor.collapse_shape %17 [[0, 1], [2], [3]] : tensor<2x3x2x9xf32> into tensor<6x2x9xf32>
    %collapsed_10 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x3x9x8xf32> into tensor<6x9x8xf32>
    %18 = tensor.empty() : tensor<6x2x8xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%18 : tensor<6x2x8xf32>) -> tensor<6x2x8xf32>
    %20 = linalg.batch_matmul ins(%collapsed_9, %collapsed_10 : tensor<6x2x9xf32>, tensor<6x9x8xf32>) outs(%19 : tensor<6x2x8xf32>) -> tensor<6x2x8xf32>
    %expanded_11 = tensor.expand_shape %20 [[0, 1], [2], [3, 4]] output_shape [2, 3, 2, 1, 8] : tensor<6x2x8xf32> into tensor<2x3x2x1x8xf32>
    %21 = tensor.empty() : tensor<2x3x2x8x1xf32>
    %transposed_12 = linalg.transpose ins(%expanded_11 : tensor<2x3x2x1x8xf32>) outs(%21 : tensor<2x3x2x8x1xf32>) permutation = [0, 1, 2, 4, 3] 
    %collapsed_13 = tensor.collapse_shape %transposed_12 [[0], [1, 2, 3, 4]] : tensor<2x3x2x8x1xf32> into tensor<2x48xf32>
    %expanded_14 = tensor.expand_shape %collapsed_13 [[0], [1, 2]] output_shape [2, 1, 48] : tensor<2x48xf32> into tensor<2x1x48xf32>
    return %expanded_14 : tensor<2x1x48xf32>
  }
}
