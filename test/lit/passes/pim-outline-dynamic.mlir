// RUN: pim-opt %s -p linalg-normalize,pim-outline --verify-diagnostics
// RUN: pim-opt %s -p linalg-normalize,pim-outline | filecheck %s

// Not offloaded: how long the cache is shows at run time only.
// CHECK-LABEL: func.func @dynamic
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @dynamic(%x: tensor<1x?xf16>, %w: tensor<?x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  // expected-remark@+1 {{contraction stays on the host: it has a dynamic shape}}
  %y = linalg.matmul ins(%x, %w : tensor<1x?xf16>, tensor<?x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Not offloaded: the operands are in memory that the host manages.
// CHECK-LABEL: func.func @buffers
// CHECK-NOT: pim.kernel
func.func @buffers(%x: memref<1x32xf16>, %w: memref<32x64xf16>, %y: memref<1x64xf16>) {
  linalg.matmul ins(%x, %w : memref<1x32xf16>, memref<32x64xf16>) outs(%y : memref<1x64xf16>)
  func.return
}
