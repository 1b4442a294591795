// REQUIRES: mlir
// RUN: pim-opt %S/ops.mlir | mlir-parse | pim-opt | filecheck %s
// RUN: pim-opt %S/ops.mlir --mlir-print-op-generic | mlir-parse | pim-opt | filecheck %s

// What we print MLIR reads, in pretty form too, and gives back with the same meaning.
// CHECK-LABEL: func.func @several_results
// CHECK: } -> (tensor<4xf32>, tensor<4xi64>)
// CHECK-LABEL: func.func @results_of_one_name
// CHECK: } -> (tensor<4xf32>, tensor<4xf32>)
// CHECK-LABEL: func.func @no_inputs
// CHECK: {mark = 1 : i32}
// CHECK-LABEL: func.func @mixed_matmul
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<4x8xf16>, tensor<8x16xf16>) outs(%{{.*}} : tensor<4x16xf32>) -> tensor<4x16xf32>
// CHECK-LABEL: func.func @integer_matmul
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<4x8xi8>, tensor<8x16xi8>) outs(%{{.*}} : tensor<4x16xi32>) -> tensor<4x16xi32>
// CHECK-LABEL: func.func @transposed_matmul
// CHECK: linalg.matmul indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>]
// CHECK-LABEL: func.func @transposed_batch_matmul
// CHECK: linalg.batch_matmul indexing_maps = [{{.*}}affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-LABEL: func.func @default_maps
// CHECK: linalg.matmul ins(
// CHECK-LABEL: func.func @reduce
// CHECK: dimensions = [1]
// CHECK: arith.addf
// CHECK-LABEL: func.func @contractions
// CHECK: linalg.batch_matmul ins
// CHECK-NEXT: linalg.batch_matvec ins
// CHECK-NEXT: linalg.batch_vecmat ins
// CHECK-NEXT: linalg.dot ins
// CHECK-NEXT: linalg.matvec ins
// CHECK-NEXT: linalg.vecmat ins
// CHECK-LABEL: func.func @softmax
// CHECK: linalg.softmax dimension(1)
