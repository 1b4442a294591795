// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks,layout-insert-rearrangements' --split-input-file --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 4, lane 16; order n; x: multicast; y: host"},pim-distribute,layout-map-banks,layout-insert-rearrangements' --split-input-file | filecheck %s --check-prefix=MULTICAST

// Data in DRAM or in accumulators come to the host first, and go from there where they are needed.
// CHECK-LABEL: func.func @gemv
// CHECK: layout.rearrange "host_read" %{{.*}} -> tensor<1x32xf16, #layout.host>
// CHECK-NEXT: layout.rearrange "direct" %{{.*}} -> tensor<1x32xf16, #layout.placement<operand
// CHECK: layout.rearrange "move" %{{.*}} -> tensor<2x1x64xf32, #layout.host>
// CHECK: layout.rearrange "host_write" %{{.*}} -> tensor<1x64xf16, #layout.placement<bank
// CHECK-NOT: layout.require

// The schedule says how the vector travels.
// MULTICAST: layout.rearrange "multicast" %{{.*}} -> tensor<1x32xf16, #layout.placement<operand
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
