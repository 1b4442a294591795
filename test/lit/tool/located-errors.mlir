// RUN: not pim-opt %s --split-input-file -p pim-set-schedule 2>&1 | filecheck %s

// What does not parse, at the token that is wrong.
// CHECK: {{^.*}}located-errors.mlir:[[# @LINE + 4]]:23: error: attribute expected
// CHECK-NEXT: {{^}}  %0 = arith.constant : i32
// CHECK-NEXT: {{^( {22})}}^
func.func @parse() {
  %0 = arith.constant : i32
  func.return
}

// -----

// What does not verify, at its op; tabs stay before the caret.
// CHECK: located-errors.mlir:[[# @LINE + 4]]:2: error: 'layout.bind' op source has layout #layout.host, expected none
// CHECK-NEXT: {{^}}	%0 = layout.bind %x
// CHECK-NEXT: {{^}}	^
func.func @verify(%x: tensor<4xf16, #layout.host>) {
	%0 = layout.bind %x : tensor<4xf16, #layout.host> -> tensor<4xf16, #layout.host>
  func.return
}

// -----

// What a pass cannot do, at the op that it cannot do it to.
#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @pass(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // CHECK: located-errors.mlir:[[# @LINE + 3]]:3: error: unknown device 'nonesuch'; known are
  // CHECK-NEXT: {{^}}  %y = pim.kernel "g" on "nonesuch"
  // CHECK-NEXT: {{^}}  ^
  %y = pim.kernel "g" on "nonesuch" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

// A location that the op brings along wins: the place in the source of the frontend.
// CHECK: model.py:7:5: error: 'layout.unbind' op result has layout #layout.host, expected none
func.func @frontend(%x: tensor<4xf16, #layout.host>) {
  %0 = layout.unbind %x : tensor<4xf16, #layout.host> -> tensor<4xf16, #layout.host> loc("model.py":7:5)
  func.return
}
