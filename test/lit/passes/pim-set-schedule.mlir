// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule=baseline}' | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"}' | filecheck %s --check-prefix=GIVEN
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-set-schedule' | filecheck %s --check-prefix=GIVEN
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16; k: lane 16"}' 2>&1 | filecheck %s --check-prefix=SHORT
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: chanel 64; k: time 2, lane 16; order k"}' 2>&1 | filecheck %s --check-prefix=LEVEL
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 64; k: time 2, lane 16; order k"}' 2>&1 | filecheck %s --check-prefix=MANY
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: lane 32; order n"}' 2>&1 | filecheck %s --check-prefix=LANES
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n 64"}' 2>&1 | filecheck %s --check-prefix=SYNTAX

// By default a rule of thumb, the device's hand mapping, which covers every dimension.
// CHECK-LABEL: func.func @gemv
// CHECK: pim.kernel {{.*}} schedule <"n: channel 16{{.*}}; k: {{.*}}lane 16; order {{.*}}"> {

// A schedule that is given is taken as it is, and one that is there already stays.
// GIVEN: pim.kernel {{.*}} schedule <"n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"> {

// One that does not fit the kernel or the device is refused, at the kernel's place.
// SHORT: pim-set-schedule.mlir:[[# @LINE + 9]]:3: error: schedule of kernel "gemv0": 'n' covers 16 of 64; its factors must multiply to at least 64
// LEVEL: error: schedule of kernel "gemv0": unknown level 'chanel' in 'chanel 64'; device "attacc" has channel, pc, ra, bg, ba
// MANY: error: schedule of kernel "gemv0": the factors over channel multiply to 64, but device "attacc" has 16
// LANES: error: schedule of kernel "gemv0": 'k' has lane 32; a column of device "attacc" holds 16 elements
// SYNTAX: error: schedule of kernel "gemv0": 'n 64' is not a part of a schedule; expected 'NAME: ...'
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
