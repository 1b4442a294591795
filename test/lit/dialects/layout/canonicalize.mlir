// RUN: pim-opt %s -p canonicalize | filecheck %s

// A rearrangement to where the tensor lies already moves nothing.
// CHECK-LABEL: func.func @same_place
// CHECK-NEXT: func.return %x
func.func @same_place(%x: tensor<32xf16, #layout.host>) -> tensor<32xf16, #layout.host> {
  %0 = layout.rearrange "move" %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.host>
  func.return %0 : tensor<32xf16, #layout.host>
}

// Moved away, because the place is another one.
// CHECK-LABEL: func.func @other_place
// CHECK-NEXT: layout.rearrange "host_write"
func.func @other_place(%x: tensor<32xf16, #layout.host>) -> tensor<32xf16, #layout.placement<bank, [local 32]>> {
  %0 = layout.rearrange "host_write" %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<bank, [local 32]>>
  func.return %0 : tensor<32xf16, #layout.placement<bank, [local 32]>>
}

// There and back again leaves the tensor where it was.
// CHECK-LABEL: func.func @there_and_back
// CHECK-NEXT: func.return %x
func.func @there_and_back(%x: tensor<32xf16, #layout.placement<bank, [local 32]>>) -> tensor<32xf16, #layout.placement<bank, [local 32]>> {
  %0 = layout.rearrange "host_read" %x : tensor<32xf16, #layout.placement<bank, [local 32]>> -> tensor<32xf16, #layout.host>
  %1 = layout.rearrange "host_write" %0 : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<bank, [local 32]>>
  func.return %1 : tensor<32xf16, #layout.placement<bank, [local 32]>>
}

// Not folded, because the tensor ends in other rows than it came from.
// CHECK-LABEL: func.func @there_and_elsewhere
// CHECK-NEXT: layout.rearrange "host_read"
// CHECK-NEXT: layout.rearrange "host_write"
func.func @there_and_elsewhere(%x: tensor<32xf16, #layout.placement<bank, [local 32]>>) -> tensor<32xf16, #layout.placement<bank, [local 32], row 1>> {
  %0 = layout.rearrange "host_read" %x : tensor<32xf16, #layout.placement<bank, [local 32]>> -> tensor<32xf16, #layout.host>
  %1 = layout.rearrange "host_write" %0 : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<bank, [local 32], row 1>>
  func.return %1 : tensor<32xf16, #layout.placement<bank, [local 32], row 1>>
}

// Not folded, because a requirement is not a movement yet.
// CHECK-LABEL: func.func @required
// CHECK-NEXT: layout.require
func.func @required(%x: tensor<32xf16, #layout.host>) -> tensor<32xf16, #layout.host> {
  %0 = layout.require %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.host>
  func.return %0 : tensor<32xf16, #layout.host>
}
