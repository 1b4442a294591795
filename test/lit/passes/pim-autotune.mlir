// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{top-k=4}' --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{device=attacc-ref},pim-autotune{top-k=4}' | filecheck %s --check-prefixes=CHECK,REF
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{top-k=1 confirm=false}' | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{objective=energy top-k=4}' | filecheck %s --check-prefix=ENERGY
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{objective=edp top-k=1 confirm=false}' | filecheck %s --check-prefix=BOTH
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: time 50; k: ba 3, lane 16; order n; x: direct; y: host"},pim-autotune' | filecheck %s --check-prefix=KEPT
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{top-k=1}' | pim-opt -p pim-distribute,layout-map-banks,layout-insert-rearrangements,pim-lower-to-commands --verify-each=semantics | filecheck %s --check-prefix=LOWERED

// In the least time a kernel of this size runs on many channels, with either number of schedules.
// CHECK-LABEL: func.func @gemv
// REF: pim.kernel "gemv0" on "attacc-ref"
// CHECK: schedule <"n: {{[^"]*}}channel{{[^"]*}}; order {{[^"]*}}"> {

// Each channel needs loads and rows of its own, so that the least energy is spent on one.
// ENERGY: pim.kernel {{.*}} schedule <"n:{{[^"]*}}; k:{{[^"]*}}">
// ENERGY-NOT: channel
// BOTH: pim.kernel {{.*}} schedule <"n:{{[^"]*}}; k:{{[^"]*}}">

// A schedule that is there already stays.
// KEPT: pim.kernel {{.*}} schedule <"n: time 50; k: ba 3, lane 16; order n; x: direct; y: host"> {

// What was chosen can be lowered, from text too.
// LOWERED: pim.issue "MACAB"
func.func @gemv(%x: tensor<1x33xf16>, %w: tensor<50x33xf16>) -> tensor<1x50xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x50xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x50xf16>) -> tensor<1x50xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x33xf16>, tensor<50x33xf16>) outs(%init : tensor<1x50xf16>) -> tensor<1x50xf16>
  func.return %y : tensor<1x50xf16>
}
