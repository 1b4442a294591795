// RUN: pim-opt %s -p 'pim-compile{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"}' -t pim-trace | filecheck %s
// RUN: pim-opt %s -p linalg-normalize -t pim-trace | filecheck %s --check-prefix=NONE --allow-empty

// The commands of the program, one a line, by the names of the device's trace format.
// CHECK: LD
// CHECK: PIM_BARRIER
// CHECK: PIM_WR_GB
// CHECK: PIM_MAC_AB
// CHECK: PIM_MV_SB
// CHECK: PIM_BARRIER
// CHECK: ST

// A module without programs has no commands.
// NONE-NOT: {{.}}
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
