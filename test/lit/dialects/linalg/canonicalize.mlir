// RUN: pim-opt %s -p canonicalize,cse,dce | filecheck %s

// Our named ops are pure on tensors like xDSL's own: computed twice they are one, unused they go.
// CHECK-LABEL: func.func @matvec_twice
// CHECK-NEXT: [[Y:%.*]] = linalg.matvec
// CHECK-NEXT: func.return [[Y]], [[Y]]
func.func @matvec_twice(%w: tensor<4x8xf32>, %x: tensor<8xf32>, %o: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<8xf32>) outs(%o : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<8xf32>) outs(%o : tensor<4xf32>) -> tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Not one, because their maps differ: the second reads its operand transposed.
// CHECK-LABEL: func.func @other_maps
// CHECK-NEXT: linalg.matmul ins
// CHECK-NEXT: linalg.matmul indexing_maps
func.func @other_maps(%a: tensor<8x8xf32>, %c: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = linalg.matmul ins(%a, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  func.return %0, %1 : tensor<8x8xf32>, tensor<8x8xf32>
}

// CHECK-LABEL: func.func @unused_softmax
// CHECK-NEXT: func.return
func.func @unused_softmax(%x: tensor<4x8xf32>) {
  %r = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return
}
