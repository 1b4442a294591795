// RUN: pim-opt %s -p pim-compile --verify-each=semantics --seed 3 | filecheck %s
// RUN: pim-opt %s -p pim-compile --verify-each=false | filecheck %s

// The numbers are the same after every pass, or the compiler stops.
// CHECK: pim.program
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
