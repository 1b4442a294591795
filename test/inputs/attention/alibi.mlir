// Scores with a bias linear in the position, a slope per head, f32.
// Made with torch 2.13.0 and torch-mlir 20261001 (fx importer, linalg-on-tensors).
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0) -> (d0)>
#map2 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map3 = affine_map<(d0, d1, d2) -> (d2)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map7 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @alibi(%arg0: tensor<2x6x1x8xf32>, %arg1: tensor<2x6x9x8xf32>, %arg2: tensor<2x6x9x8xf32>, %arg3: tensor<6x1x1xf32>) -> tensor<2x6x1x8xf32> {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 3.000000e-01 : f64
    %0 = tensor.empty() : tensor<2x6x8x9xf32>
    %transposed = linalg.transpose ins(%arg1 : tensor<2x6x9x8xf32>) outs(%0 : tensor<2x6x8x9xf32>) permutation = [0, 1, 3, 2] 
    %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x6x1x8xf32> into tensor<12x1x8xf32>
    %collapsed_2 = tensor.collapse_shape %transposed [[0, 1], [2], [3]] : tensor<2x6x8x9xf32> into tensor<12x8x9xf32>
    %1 = tensor.empty() : tensor<12x1x9xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<12x1x9xf32>) -> tensor<12x1x9xf32>
    %3 = linalg.batch_matmul ins(%collapsed, %collapsed_2 : tensor<12x1x8xf32>, tensor<12x8x9xf32>) outs(%2 : tensor<12x1x9xf32>) -> tensor<12x1x9xf32>
    %expanded = tensor.expand_shape %3 [[0, 1], [2], [3]] output_shape [2, 6, 1, 9] : tensor<12x1x9xf32> into tensor<2x6x1x9xf32>
    %4 = tensor.empty() : tensor<2x6x1x9xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<2x6x1x9xf32>) outs(%4 : tensor<2x6x1x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %25 = arith.truncf %cst_1 : f64 to f32
      %26 = arith.mulf %in, %25 : f32
      linalg.yield %26 : f32
    } -> tensor<2x6x1x9xf32>
    %6 = tensor.empty() : tensor<9xf32>
    %7 = linalg.generic {indexing_maps = [#map1], iterator_types = ["parallel"]} outs(%6 : tensor<9xf32>) {
    ^bb0(%out: f32):
      %25 = linalg.index 0 : index
      %26 = arith.index_cast %25 : index to i64
      %27 = arith.sitofp %26 : i64 to f32
      %28 = arith.addf %27, %cst : f32
      linalg.yield %28 : f32
    } -> tensor<9xf32>
    %8 = tensor.empty() : tensor<6x1x9xf32>
    %9 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg3, %7 : tensor<6x1x1xf32>, tensor<9xf32>) outs(%8 : tensor<6x1x9xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %25 = arith.mulf %in, %in_7 : f32
      linalg.yield %25 : f32
    } -> tensor<6x1x9xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5, %9 : tensor<2x6x1x9xf32>, tensor<6x1x9xf32>) outs(%4 : tensor<2x6x1x9xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %25 = arith.addf %in, %in_7 : f32
      linalg.yield %25 : f32
    } -> tensor<2x6x1x9xf32>
    %11 = tensor.empty() : tensor<2x6x1xi64>
    %12 = linalg.fill ins(%c0_i64 : i64) outs(%11 : tensor<2x6x1xi64>) -> tensor<2x6x1xi64>
    %13 = tensor.empty() : tensor<2x6x1xf32>
    %14 = linalg.fill ins(%cst_0 : f32) outs(%13 : tensor<2x6x1xf32>) -> tensor<2x6x1xf32>
    %15:2 = linalg.generic {indexing_maps = [#map, #map6, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%10 : tensor<2x6x1x9xf32>) outs(%14, %12 : tensor<2x6x1xf32>, tensor<2x6x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_7: i64):
      %25 = linalg.index 3 : index
      %26 = arith.index_cast %25 : index to i64
      %27 = arith.maximumf %in, %out : f32
      %28 = arith.cmpf ogt, %in, %out : f32
      %29 = arith.select %28, %26, %out_7 : i64
      linalg.yield %27, %29 : f32, i64
    } -> (tensor<2x6x1xf32>, tensor<2x6x1xi64>)
    %expanded_3 = tensor.expand_shape %15#0 [[0], [1], [2, 3]] output_shape [2, 6, 1, 1] : tensor<2x6x1xf32> into tensor<2x6x1x1xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map7, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %expanded_3 : tensor<2x6x1x9xf32>, tensor<2x6x1x1xf32>) outs(%4 : tensor<2x6x1x9xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %25 = arith.subf %in, %in_7 : f32
      linalg.yield %25 : f32
    } -> tensor<2x6x1x9xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16 : tensor<2x6x1x9xf32>) outs(%4 : tensor<2x6x1x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      %25 = math.exp %in : f32
      linalg.yield %25 : f32
    } -> tensor<2x6x1x9xf32>
    %18 = tensor.empty() : tensor<2x6x1x1xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%18 : tensor<2x6x1x1xf32>) -> tensor<2x6x1x1xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map7], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%17 : tensor<2x6x1x9xf32>) outs(%19 : tensor<2x6x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %25 = arith.addf %in, %out : f32
      linalg.yield %25 : f32
    } -> tensor<2x6x1x1xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map7, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%17, %20 : tensor<2x6x1x9xf32>, tensor<2x6x1x1xf32>) outs(%4 : tensor<2x6x1x9xf32>) {
    ^bb0(%in: f32, %in_7: f32, %out: f32):
      %25 = arith.divf %in, %in_7 : f32
      linalg.yield %25 : f32
    } -> tensor<2x6x1x9xf32>
    %collapsed_4 = tensor.collapse_shape %21 [[0, 1], [2], [3]] : tensor<2x6x1x9xf32> into tensor<12x1x9xf32>
    %collapsed_5 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x6x9x8xf32> into tensor<12x9x8xf32>
    %22 = tensor.empty() : tensor<12x1x8xf32>
    %23 = linalg.fill ins(%cst : f32) outs(%22 : tensor<12x1x8xf32>) -> tensor<12x1x8xf32>
    %24 = linalg.batch_matmul ins(%collapsed_4, %collapsed_5 : tensor<12x1x9xf32>, tensor<12x9x8xf32>) outs(%23 : tensor<12x1x8xf32>) -> tensor<12x1x8xf32>
    %expanded_6 = tensor.expand_shape %24 [[0, 1], [2], [3]] output_shape [2, 6, 1, 8] : tensor<12x1x8xf32> into tensor<2x6x1x8xf32>
    return %expanded_6 : tensor<2x6x1x8xf32>
  }
}
