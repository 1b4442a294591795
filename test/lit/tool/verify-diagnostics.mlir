// RUN: not pim-opt %s --split-input-file --verify-diagnostics -p linalg-normalize,pim-outline 2>&1 | filecheck %s

// Met, and nothing is said about it.
// CHECK-NOT: @met
// CHECK-NOT: unexpected error: values used but not defined: [%met]
// expected-error@+2 {{Operation test.nonesuch is not registered}}
func.func @met() {
  test.nonesuch
}

// -----

// The text is another one: both sides are told.
// CHECK: verify-diagnostics.mlir:[[# @LINE + 4]]:{{.*}}: error: unexpected error: Operation test.nonesuch is not registered
// CHECK: verify-diagnostics.mlir:[[# @LINE + 1]]:1: error: expected error "Operation test.other is not registered" was not produced
// expected-error@+2 {{Operation test.other is not registered}}
func.func @other_text() {
  test.nonesuch
}

// -----

// The line is another one.
// CHECK: verify-diagnostics.mlir:[[# @LINE + 4]]:{{.*}}: error: unexpected error: Operation test.nonesuch is not registered
// CHECK: verify-diagnostics.mlir:[[# @LINE + 1]]:1: error: expected error "Operation test.nonesuch is not registered" was not produced
// expected-error@+1 {{Operation test.nonesuch is not registered}}
func.func @other_line() {
  test.nonesuch
}

// -----

// The severity is another one.
// CHECK: error: unexpected error: Operation test.nonesuch is not registered
// CHECK: error: expected warning "Operation test.nonesuch is not registered" was not produced
// expected-warning@+2 {{Operation test.nonesuch is not registered}}
func.func @other_severity() {
  test.nonesuch
}

// -----

// One error meets one expectation.
// CHECK-NOT: unexpected error
// CHECK: error: expected error "is not registered" was not produced
// expected-error@+3 {{Operation test.nonesuch}}
// expected-error@+2 {{is not registered}}
func.func @twice() {
  test.nonesuch
}

// -----

// Nobody expects the error.
// CHECK: error: unexpected error: Operation test.nonesuch is not registered
func.func @unexpected() {
  test.nonesuch
}

// -----

// Nothing goes wrong.
// CHECK: error: expected error "anything" was not produced
// expected-error@+1 {{anything}}
func.func @nothing() {
  func.return
}

// -----

// A remark that nobody expects is no fault; one that does not come is.
// CHECK-NOT: unexpected
// CHECK: error: expected remark "it has nothing to compute" was not produced
// CHECK-NOT: error
func.func @remarks(%x: tensor<4x32xf16>, %w: tensor<32x64xf16>, %i: tensor<4x64xf16>) -> tensor<4x64xf16> {
  // expected-remark@+1 {{it has nothing to compute}}
  %y = linalg.matmul ins(%x, %w : tensor<4x32xf16>, tensor<32x64xf16>) outs(%i : tensor<4x64xf16>) -> tensor<4x64xf16>
  func.return %y : tensor<4x64xf16>
}
