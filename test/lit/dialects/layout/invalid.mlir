// RUN: pim-opt %s --split-input-file --verify-diagnostics

// A change of layout changes nothing else.
func.func @element_type(%x: tensor<32xf16>) {
  // expected-error@+1 {{'layout.bind' op source tensor<32xf16> and result tensor<32xf32> must differ in layout only}}
  %0 = layout.bind %x : tensor<32xf16> -> tensor<32xf32, #layout.host>
  func.return
}

// -----

// Only tensors have layouts.
func.func @no_tensor(%x: f16) {
  // expected-error@+1 {{f16 should be of base attribute tensor}}
  %0 = layout.bind %x : f16 -> f16
  func.return
}

// -----

// A placement covers every element.
func.func @too_small(%x: tensor<32xf16>) {
  // expected-error@+1 {{'layout.bind' op result has shape 32, but its placement covers 16}}
  %0 = layout.bind %x : tensor<32xf16> -> tensor<32xf16, #layout.placement<bank, [bank 4, local 4]>>
  func.return
}

// -----

// A placement has the tensor's axes.
func.func @rank(%x: tensor<4x8xf16, #layout.placement<bank, [local 32]>>) {
  // expected-error@+1 {{'layout.require' op source has shape 4x8, but its placement covers 32}}
  %0 = layout.require %x : tensor<4x8xf16, #layout.placement<bank, [local 32]>> -> tensor<4x8xf16, #layout.host>
  func.return
}

// -----

// The placement of a scalar covers no tensor.
func.func @scalar(%x: tensor<4xf16, #layout.placement<bank>>) {
  // expected-error@+1 {{source has shape 4, but its placement covers a scalar}}
  %0 = layout.require %x : tensor<4xf16, #layout.placement<bank>> -> tensor<4xf16, #layout.host>
  func.return
}

// -----

func.func @dynamic(%x: tensor<?xf16>) {
  // expected-error@+1 {{'layout.bind' op result has a placement, so its shape must be static}}
  %0 = layout.bind %x : tensor<?xf16> -> tensor<?xf16, #layout.placement<bank, [local 4]>>
  func.return
}

// -----

// What is bound had no layout.
func.func @bound_twice(%x: tensor<32xf16, #layout.host>) {
  // expected-error@+1 {{'layout.bind' op source has layout #layout.host, expected none}}
  %0 = layout.bind %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.host>
  func.return
}

// -----

// What is unbound has no layout any more.
func.func @still_bound(%x: tensor<32xf16, #layout.host>) {
  // expected-error@+1 {{'layout.unbind' op result has layout #layout.host, expected none}}
  %0 = layout.unbind %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.host>
  func.return
}

// -----

func.func @strategy(%x: tensor<32xf16>) {
  // expected-error@+1 {{'layout.rearrange' op unknown strategy 'teleport'; expected one of host_read, host_write, direct, multicast, move}}
  %0 = layout.rearrange "teleport" %x : tensor<32xf16> -> tensor<32xf16, #layout.host>
  func.return
}

// -----

func.func @no_strategy(%x: tensor<32xf16>) {
  // expected-error@+1 {{'layout.rearrange' op property 'strategy' expected}}
  %0 = "layout.rearrange"(%x) : (tensor<32xf16>) -> tensor<32xf16, #layout.host>
  func.return
}

// -----

// Two digits that step over each other: elements 2 and 16 would share bank 2.
// expected-error@+1 {{two elements share a place: a digit steps by 2 along bank, which the finer digits already cover up to 7}}
func.func @overlap(%x: tensor<32xf16, #layout.placement<bank, [bank 4 : 2, bank 8]>>) {
  func.return
}

// -----

// expected-error@+1 {{two elements share a place: a digit steps by 0 along bank}}
func.func @no_step(%x: tensor<4xf16, #layout.placement<bank, [bank 4 : 0]>>) {
  func.return
}

// -----

// expected-error@+1 {{a digit along pc*ra has size 0; expected at least 1}}
func.func @empty_digit(%x: tensor<4xf16, #layout.placement<bank, [pc*ra 0, local 4]>>) {
  func.return
}

// -----

// expected-error@+1 {{Expected integer literal}}
func.func @negative(%x: tensor<4xf16, #layout.placement<bank, [bank -4]>>) {
  func.return
}

// -----

// expected-error@+1 {{Expected integer literal}}
func.func @no_size(%x: tensor<4xf16, #layout.placement<bank, [bank]>>) {
  func.return
}

// -----

// expected-error@+1 {{identifier expected for a level}}
func.func @no_level(%x: tensor<4xf16, #layout.placement<bank, [4]>>) {
  func.return
}

// -----

// expected-error@+1 {{identifier expected for the space of a placement}}
func.func @no_space(%x: tensor<4xf16, #layout.placement<"bank", [local 4]>>) {
  func.return
}

// -----

// expected-error@+1 {{'>' expected}}
func.func @no_comma(%x: tensor<4xf16, #layout.placement<bank [local 4]>>) {
  func.return
}

// -----

// expected-error@+1 {{'layout.nowhere' is not registered}}
func.func @unknown_attribute(%x: tensor<4xf16, #layout.nowhere>) {
  func.return
}

// -----

func.func @unknown_op(%x: tensor<4xf16>) {
  // expected-error@+1 {{Operation layout.bond is not registered}}
  %0 = layout.bond %x : tensor<4xf16> -> tensor<4xf16, #layout.host>
  func.return
}
