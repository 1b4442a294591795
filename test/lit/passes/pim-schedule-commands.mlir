// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands' --verify-each=semantics | filecheck %s

// In a section the device keeps order itself: no barrier between loads, products and moves. What
// passes through the host or through DRAM rows is fenced still; after the last command nothing is.
// CHECK-LABEL: func.func @gemv
// CHECK: pim.issue "RD"
// CHECK: pim.barrier
// CHECK: pim.issue "WRGB"
// CHECK-NOT: pim.barrier
// CHECK: pim.issue "MACAB"
// CHECK-NOT: pim.barrier
// CHECK: pim.issue "MVSB"
// CHECK: pim.barrier
// CHECK: pim.issue "WR"(
// CHECK-NOT: pim.barrier
// CHECK: pim.collect
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
