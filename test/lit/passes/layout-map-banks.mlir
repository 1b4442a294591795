// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks' --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs=host},pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},pim-distribute,layout-map-banks' --verify-each=semantics | filecheck %s --check-prefix=HOST
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-set-schedule{schedule="n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host"},layout-map-banks' 2>&1 | filecheck %s --check-prefix=WHOLE

// The resident matrix lies where the cores need it, from row 0 on. Vector and result lie in host
// layout, in the rows after it; what must move is required.
// CHECK-LABEL: func.func @gemv
// CHECK: [[X:%.*]] = layout.bind %{{.*}} : tensor<1x32xf16> -> tensor<1x32xf16, #layout.placement<bank, {{.*}}, row 1, flat>>
// CHECK-NEXT: [[XP:%.*]] = layout.require [[X]] {{.*}} -> tensor<1x32xf16, #layout.placement<operand, [], [ba 2, local 16], copies [channel 16]>>
// CHECK-NEXT: [[W:%.*]] = layout.bind %{{.*}} resident : tensor<64x32xf16> -> tensor<64x32xf16, #layout.placement<bank, [channel 16, local 4 : 16], [ba 2, local 16]>>
// CHECK-NEXT: pim.distribute ins([[XP]], [[W]]
// CHECK: } : tensor<2x1x64xf32, #layout.placement<acc, [ba 2], [], [channel 16, local 4]>>
// CHECK-NEXT: layout.require %{{.*}} -> tensor<2x1x64xf32, #layout.host>
// CHECK-NEXT: pim.combine
// CHECK-NEXT: layout.require %{{.*}} -> tensor<1x64xf16, #layout.placement<bank, {{.*}}, row 2, flat>>
// CHECK-NEXT: layout.unbind

// A vector in the host's hands has no place in DRAM, so the result takes the row.
// HOST: layout.bind %{{.*}} : tensor<1x32xf16> -> tensor<1x32xf16, #layout.host>
// HOST: layout.require %{{.*}} -> tensor<1x64xf16, #layout.placement<bank, {{.*}}, row 1, flat>>

// Not before the kernel is distributed.
// WHOLE: error: kernel "gemv0" holds 0 'pim.distribute' ops, expected one
// WHOLE: hint: run pim-distribute first
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
