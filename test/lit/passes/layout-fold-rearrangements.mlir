// RUN: pim-opt %s -p layout-fold-rearrangements | filecheck %s

!bank = tensor<32xf16, #layout.placement<bank, [local 32]>>
!next = tensor<32xf16, #layout.placement<bank, [local 32], row 1>>
!host = tensor<32xf16, #layout.host>

// To where it lies already.
// CHECK-LABEL: func.func @same_place
// CHECK-NEXT: func.return %x
func.func @same_place(%x: !host) -> !host {
  %0 = layout.rearrange "host_read" %x : !host -> !host
  func.return %0 : !host
}

// There and back.
// CHECK-LABEL: func.func @there_and_back
// CHECK-NEXT: func.return %x
func.func @there_and_back(%x: !bank) -> !bank {
  %0 = layout.rearrange "host_read" %x : !bank -> !host
  %1 = layout.rearrange "host_write" %0 : !host -> !bank
  func.return %1 : !bank
}

// Not folded: it ends in other rows.
// CHECK-LABEL: func.func @there_and_elsewhere
// CHECK-NEXT: layout.rearrange "host_read"
// CHECK-NEXT: layout.rearrange "host_write"
func.func @there_and_elsewhere(%x: !bank) -> !next {
  %0 = layout.rearrange "host_read" %x : !bank -> !host
  %1 = layout.rearrange "host_write" %0 : !host -> !next
  func.return %1 : !next
}

// Made before: read once for both.
// CHECK-LABEL: func.func @twice
// CHECK-NEXT: [[H:%.*]] = layout.rearrange "host_read"
// CHECK-NEXT: func.return [[H]], [[H]]
func.func @twice(%x: !bank) -> (!host, !host) {
  %0 = layout.rearrange "host_read" %x : !bank -> !host
  %1 = layout.rearrange "host_read" %x : !bank -> !host
  func.return %0, %1 : !host, !host
}

// Not shared: another tensor.
// CHECK-LABEL: func.func @two_tensors
// CHECK-NEXT: layout.rearrange "host_read" %x
// CHECK-NEXT: layout.rearrange "host_read" %y
func.func @two_tensors(%x: !bank, %y: !bank) -> (!host, !host) {
  %0 = layout.rearrange "host_read" %x : !bank -> !host
  %1 = layout.rearrange "host_read" %y : !bank -> !host
  func.return %0, %1 : !host, !host
}

// Nobody reads it, nor what is made of it.
// CHECK-LABEL: func.func @unused
// CHECK-NEXT: func.return
func.func @unused(%x: !bank) {
  %0 = layout.rearrange "host_read" %x : !bank -> !host
  %1 = layout.rearrange "host_write" %0 : !host -> !next
  func.return
}
