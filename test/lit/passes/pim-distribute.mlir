// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute' --verify-each=semantics | filecheck %s
// RUN: not pim-opt %s -p linalg-normalize,pim-outline,pim-distribute 2>&1 | filecheck %s --check-prefix=UNSCHEDULED

// A core gets four outputs and sixteen summands; two banks share the sum of an output, which
// pim.combine adds.
// CHECK-LABEL: func.func @gemv
// CHECK: [[P:%.*]] = pim.distribute ins(%{{.*}}, %{{.*}} : tensor<1x32xf16>, tensor<64x32xf16>) {
// CHECK-NEXT: (%{{.*}}: tensor<1x16xf16>, %{{.*}}: tensor<4x16xf16>):
// CHECK: linalg.generic
// CHECK: pim.yield %{{.*}} : tensor<1x4xf32>
// CHECK-NEXT: } : tensor<2x1x64xf32>
// CHECK-NEXT: pim.combine [[P]] : tensor<2x1x64xf32> -> tensor<1x64xf16>

// Not distributed without a schedule.
// UNSCHEDULED: error: kernel "gemv0" has no schedule
// UNSCHEDULED: hint: run pim-set-schedule first
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
