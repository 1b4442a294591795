// RUN: pim-opt %s -p 'pim-compile{device=hbm-pim-ref}' --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'pim-outline{device=hbm-pim}' | filecheck %s --check-prefix=OUTLINE
// RUN: pim-opt %s -p 'pim-outline{device=hbm-pim}' --verify-diagnostics

#same = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#kept = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>

// Operands that lie as the result does stay where they are; the bias is broadcast by the host, the
// constant stays in PIM memory.
// OUTLINE-LABEL: func.func @scaled
// OUTLINE: pim.kernel "elementwise0" on "hbm-pim" computing "elementwise: maximum(((x0 * 2.0) + x1), 0.0)" over <i0 4 parallel, i1 24 parallel>
// CHECK-LABEL: func.func @scaled
// CHECK: schedule <"columns: 1; registers: grf_a; rows: {{own|shared}}">
// CHECK: arith.constant dense<2.000000e+00> : tensor<1xf16>
// CHECK: pim.issue "RD"
// CHECK: pim.host_arrange
// CHECK: pim.issue "WR"
// CHECK: pim.issue "LD_OP2"
// CHECK: pim.issue "MUL_OP2"
// CHECK: pim.issue "ADD_OP1"
// CHECK: pim.issue "WB_RES"
// CHECK: pim.issue "RELU"
// CHECK: pim.issue "WB_RES"
func.func @scaled(%x: tensor<4x24xf16>, %bias: tensor<24xf16>) -> tensor<4x24xf16> {
  %zero = arith.constant 0.0 : f16
  %two = arith.constant 2.0 : f16
  %e = tensor.empty() : tensor<4x24xf16>
  %y = linalg.generic {indexing_maps = [#same, #row, #same], iterator_types = ["parallel", "parallel"]}
      ins(%x, %bias : tensor<4x24xf16>, tensor<24xf16>) outs(%e : tensor<4x24xf16>) {
  ^bb0(%a: f16, %b: f16, %old: f16):
    %m = arith.mulf %a, %two : f16
    %s = arith.addf %m, %b : f16
    %r = arith.maximumf %s, %zero : f16
    linalg.yield %r : f16
  } -> tensor<4x24xf16>
  func.return %y : tensor<4x24xf16>
}

// Rows that do not fill all banks are read and added by the host.
// OUTLINE-LABEL: func.func @sums
// OUTLINE: pim.kernel "reduction0" on "hbm-pim" computing "reduction: add" over <i 4 parallel, k 24 reduction>
// CHECK-LABEL: func.func @sums
// CHECK: schedule <"columns: 0; registers: grf_a; rows: own">
// CHECK: pim.issue "RD"
// CHECK: pim.host_combine
// CHECK: pim.issue "WR"
func.func @sums(%x: tensor<4x24xf16>) -> tensor<4xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<4xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<4xf16>) -> tensor<4xf16>
  %y = linalg.generic {indexing_maps = [#same, #kept], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x24xf16>) outs(%i : tensor<4xf16>) {
  ^bb0(%a: f16, %acc: f16):
    %s = arith.addf %acc, %a : f16
    linalg.yield %s : f16
  } -> tensor<4xf16>
  func.return %y : tensor<4xf16>
}

// Where all summands of a result lie in one lane of one bank, units give the result and the host
// reads nothing.
// OUTLINE-LABEL: func.func @column_sums
// OUTLINE: pim.kernel "reduction1" on "hbm-pim" computing "reduction: add" over <k 3 reduction, i 16384 parallel>
// CHECK-LABEL: func.func @column_sums
// CHECK: schedule <"columns: 3; registers: grf_a; rows: own">
// CHECK: pim.issue "LD_OP1"
// CHECK: pim.issue "ADD_OP1"
// CHECK: pim.issue "WB_RES"
// CHECK-NOT: pim.issue "RD"
// CHECK-LABEL: func.func @on_the_host
func.func @column_sums(%x: tensor<3x16384xf16>) -> tensor<16384xf16> {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<16384xf16>
  %i = linalg.fill ins(%zero : f16) outs(%e : tensor<16384xf16>) -> tensor<16384xf16>
  %y = linalg.generic {indexing_maps = [#same, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<3x16384xf16>) outs(%i : tensor<16384xf16>) {
  ^bb0(%a: f16, %acc: f16):
    %s = arith.addf %acc, %a : f16
    linalg.yield %s : f16
  } -> tensor<16384xf16>
  func.return %y : tensor<16384xf16>
}

// The units have no division, and no maximum of two columns.
// OUTLINE-LABEL: func.func @on_the_host
// OUTLINE-NOT: pim.kernel
func.func @on_the_host(%x: tensor<4x24xf16>) -> (tensor<4x24xf16>, tensor<4xf16>) {
  %zero = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<4x24xf16>
  // expected-remark@below {{elementwise kernel stays on the host: its body uses 'arith.divf'}}
  %y = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x24xf16>) outs(%e : tensor<4x24xf16>) {
  ^bb0(%a: f16, %old: f16):
    %r = arith.divf %a, %a : f16
    linalg.yield %r : f16
  } -> tensor<4x24xf16>
  %f = tensor.empty() : tensor<4xf16>
  %i = linalg.fill ins(%zero : f16) outs(%f : tensor<4xf16>) -> tensor<4xf16>
  // expected-remark@below {{reduction stays on the host: the units of device "hbm-pim" have no maximum of two columns}}
  %m = linalg.generic {indexing_maps = [#same, #kept], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x24xf16>) outs(%i : tensor<4xf16>) {
  ^bb0(%a: f16, %acc: f16):
    %s = arith.maximumf %acc, %a : f16
    linalg.yield %s : f16
  } -> tensor<4xf16>
  func.return %y, %m : tensor<4x24xf16>, tensor<4xf16>
}
