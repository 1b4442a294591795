// RUN: pim-opt %s -p canonicalize,cse,dce | filecheck %s

// A softmax is pure: computed twice it is one.
// CHECK-LABEL: func.func @softmax_twice
// CHECK-NEXT: [[Y:%.*]] = linalg.softmax
// CHECK-NEXT: func.return [[Y]], [[Y]]
func.func @softmax_twice(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Not one, because they run along different dimensions.
// CHECK-LABEL: func.func @softmax_other_dimension
// CHECK-NEXT: linalg.softmax dimension(0)
// CHECK-NEXT: linalg.softmax dimension(1)
func.func @softmax_other_dimension(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = linalg.softmax dimension(0) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Unused, it goes.
// CHECK-LABEL: func.func @softmax_unused
// CHECK-NEXT: func.return
func.func @softmax_unused(%x: tensor<4x8xf32>) {
  %0 = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return
}
