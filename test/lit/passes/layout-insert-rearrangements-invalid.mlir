// RUN: pim-opt %s -p layout-insert-rearrangements --split-input-file --verify-diagnostics
// RUN: not pim-opt %s -p layout-insert-rearrangements --split-input-file 2>&1 | filecheck %s

// Outside of a kernel nobody knows which device moves the data.
func.func @no_kernel(%x: tensor<32xf16, #layout.host>) -> tensor<32xf16, #layout.placement<operand, [local 32]>> {
  // expected-error@+2 {{'layout.require' outside of a kernel has no device to move by}}
  // CHECK: invalid.mlir:[[# @LINE + 1]]:3: error: 'layout.require' outside
  %0 = layout.require %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<operand, [local 32]>>
  func.return %0 : tensor<32xf16, #layout.placement<operand, [local 32]>>
}

// -----

// Fine all the same where the host itself reads.
func.func @host_reads(%x: tensor<32xf16, #layout.placement<bank, [local 32]>>) -> tensor<32xf16, #layout.host> {
  %0 = layout.require %x : tensor<32xf16, #layout.placement<bank, [local 32]>> -> tensor<32xf16, #layout.host>
  func.return %0 : tensor<32xf16, #layout.host>
}
