// RUN: pim-opt %s -p 'pim-outline{device=hbm-pim}' | filecheck %s
// RUN: pim-opt %s -p 'pim-compile{device=hbm-pim}' --verify-each=semantics -o /dev/null

#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// The units square, add and scale; the host takes the root of one number a row.
// CHECK-LABEL: func.func @normalised
// CHECK: pim.kernel "elementwise0" on "hbm-pim" computing "elementwise: (x0 * x0)"
// CHECK: pim.kernel "reduction0" on "hbm-pim" computing "reduction: add"
// CHECK: math.sqrt
// CHECK: pim.kernel "elementwise1" on "hbm-pim" computing "elementwise: (x1 * x0)"
func.func @normalised(%x: tensor<3x40xf16>) -> tensor<3x40xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<3xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<3xf16>) -> tensor<3xf16>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<3x40xf16>) outs(%i : tensor<3xf16>) {
  ^bb0(%a: f16, %acc: f16):
    %square = arith.mulf %a, %a : f16
    %next = arith.addf %square, %acc : f16
    linalg.yield %next : f16
  } -> tensor<3xf16>
  %f = tensor.empty() : tensor<3x40xf16>
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<3x40xf16>, tensor<3xf16>) outs(%f : tensor<3x40xf16>) {
  ^bb0(%a: f16, %sum: f16, %old: f16):
    %root = math.sqrt %sum : f16
    %scaled = arith.mulf %a, %root : f16
    linalg.yield %scaled : f16
  } -> tensor<3x40xf16>
  func.return %y : tensor<3x40xf16>
}

// A product of two tensors that differ in their loops is a contraction, and stays one.
// CHECK-LABEL: func.func @contraction
// CHECK-NOT: pim.kernel "elementwise
// CHECK-NOT: pim.kernel "reduction
func.func @contraction(%w: tensor<3x40xf16>, %v: tensor<40xf16>) -> tensor<3xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<3xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<3xf16>) -> tensor<3xf16>
  %y = linalg.matvec ins(%w, %v : tensor<3x40xf16>, tensor<40xf16>) outs(%i : tensor<3xf16>) -> tensor<3xf16>
  func.return %y : tensor<3xf16>
}
