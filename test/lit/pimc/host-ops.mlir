// RUN: pimc run %s --narrow-to f16 | filecheck %s
// RUN: pimc run %s | filecheck %s --check-prefix=WIDE

// The host rounds both operands and extends the result, at the place of the contraction; ops that
// do the same are listed together.
// CHECK: host: 2 x linalg.generic {truncf} (line [[# @LINE + 9]]), linalg.generic {extf} (line [[# @LINE + 9]])

// Not offloaded, the contraction itself is the host's.
// WIDE: 0 kernels offloaded to attacc
// WIDE: host: linalg.generic {mulf, addf} (line [[# @LINE + 5]])
func.func @gemv(%x: tensor<1x32xf32>, %w: tensor<32x64xf32>) -> tensor<1x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x64xf32>) -> tensor<1x64xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf32>, tensor<32x64xf32>) outs(%init : tensor<1x64xf32>) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}
