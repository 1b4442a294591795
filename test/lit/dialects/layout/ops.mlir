// RUN: pim-opt %s | pim-opt | filecheck %s
// RUN: pim-opt %s --mlir-print-op-generic | pim-opt | filecheck %s
// RUN: pim-opt %s --mlir-print-op-generic | filecheck %s --check-prefix=GENERIC

// A placement says per axis which digits step along which target; strides of 1, row 0 and column 0 are not
// written.
// CHECK-LABEL: func.func @placements
// CHECK-SAME: #layout.placement<bank, [channel 4, local 16], [ba 2, local 2 : 16], copies [pc*ra 4], row 3, column 5>
// CHECK-SAME: #layout.placement<operand, [local 2 : 16, channel 4, local 16], flat>
// CHECK-SAME: #layout.host
func.func @placements(
    %a: tensor<64x4xf16, #layout.placement<bank, [channel 4 : 1, local 16], [ba 2, local 2 : 16], copies [pc*ra 4], row 3, column 5>>,
    %b: tensor<8x16xf16, #layout.placement<operand, [local 2 : 16, channel 4, local 16], row 0, flat>>,
    %c: tensor<?xf16, #layout.host>) {
  func.return
}

// A scalar has no axes.
// CHECK-LABEL: func.func @scalar
// CHECK-SAME: tensor<f16, #layout.placement<bank>>
func.func @scalar(%a: tensor<f16, #layout.placement<bank>>) {
  func.return
}

// CHECK-LABEL: func.func @change_of_layout
// GENERIC-LABEL: "func.func"() <{sym_name = "change_of_layout"
func.func @change_of_layout(%x: tensor<64xf16>, %w: tensor<64xf16>) -> tensor<64xf16> {
  // CHECK-NEXT: %0 = layout.bind %x : tensor<64xf16> -> tensor<64xf16, #layout.host>
  // GENERIC: %0 = "layout.bind"(%x) : (tensor<64xf16>) -> tensor<64xf16, #layout.host>
  %0 = layout.bind %x : tensor<64xf16> -> tensor<64xf16, #layout.host>
  // CHECK-NEXT: %1 = layout.bind %w resident : tensor<64xf16> -> tensor<64xf16, #layout.placement<bank, [channel 4, local 16]>>
  // GENERIC-NEXT: %1 = "layout.bind"(%w) <{resident}>
  %1 = layout.bind %w resident : tensor<64xf16> -> tensor<64xf16, #layout.placement<bank, [channel 4, local 16]>>
  // CHECK-NEXT: %2 = layout.require %0 : tensor<64xf16, #layout.host> -> tensor<64xf16, #layout.placement<operand, [local 64]>>
  %2 = layout.require %0 : tensor<64xf16, #layout.host> -> tensor<64xf16, #layout.placement<operand, [local 64]>>
  // CHECK-NEXT: %3 = layout.rearrange "move" %2 : tensor<64xf16, #layout.placement<operand, [local 64]>> -> tensor<64xf16, #layout.host>
  // GENERIC: %3 = "layout.rearrange"(%2) <{strategy = "move"}>
  %3 = layout.rearrange "move" %2 : tensor<64xf16, #layout.placement<operand, [local 64]>> -> tensor<64xf16, #layout.host>
  // CHECK-NEXT: %4 = layout.unbind %3 : tensor<64xf16, #layout.host> -> tensor<64xf16>
  %4 = layout.unbind %3 : tensor<64xf16, #layout.host> -> tensor<64xf16>
  func.return %4 : tensor<64xf16>
}
