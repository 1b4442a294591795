// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands' --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs=host},pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands' --verify-each=semantics | filecheck %s --check-prefix=HOST
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 4, lane 16; order n; x: direct; y: sum(ba)"},pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands' --verify-each=semantics | filecheck %s --check-prefix=SUM
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,pim-lower-to-commands' 2>&1 | filecheck %s --check-prefix=UNPLACED

// The host reads the vector, loads the buffers of both banks; the cores multiply row by row and
// move their sums out; the host adds the two and writes the result.
// CHECK-LABEL: func.func @gemv
// CHECK: pim.program
// CHECK: [[X:%.*]] = pim.staging : memref<1x32xf16>
// CHECK: pim.spmd 16 {
// CHECK: pim.when
// CHECK: pim.issue "RD"({{.*}}) {{.*}} moves [[X]] : memref<1x32xf16>
// CHECK: pim.barrier
// CHECK: [[P:%.*]] = pim.staging : memref<2x1x64xf16>
// CHECK: pim.issue "WRGB"({{.*}}) {{.*}} moves [[X]] : memref<1x32xf16>
// CHECK: pim.repeat 4 {
// CHECK: pim.issue "MACAB"
// CHECK: pim.issue "MVSB"({{.*}}) {{.*}} moves [[P]] : memref<2x1x64xf16>
// CHECK: [[Y:%.*]] = pim.staging : memref<1x64xf16>
// CHECK-NEXT: pim.host_combine [[P]] into [[Y]]
// CHECK: pim.issue "WR"({{.*}}) {{.*}} moves [[Y]] : memref<1x64xf16>
// CHECK: pim.collect
// CHECK-NOT: linalg.generic

// What the host holds needs no reading.
// HOST-NOT: pim.issue "RD"
// HOST: pim.hold
// HOST: pim.issue "WRGB"
// HOST-NOT: pim.issue "RD"

// What the device sums on the way out leaves nothing to add.
// SUM: pim.issue "MVSBK"
// SUM-NOT: pim.host_combine

// Not before the operands have places.
// UNPLACED: error: kernel "gemv0" holds 0 'layout.unbind' ops, expected one
// UNPLACED: hint: run layout-map-banks first
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
