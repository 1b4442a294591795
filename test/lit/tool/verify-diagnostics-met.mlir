// RUN: pim-opt %s --split-input-file --verify-diagnostics -p 'pim-outline{device=atacc}' | filecheck %s --allow-empty

// All ways to say a line. Nothing is written but what is wrong.
// CHECK-NOT: module
func.func @same_line() {
  test.nonesuch // expected-error {{Operation test.nonesuch is not registered}}
}

// -----

func.func @above() {
  test.nonesuch
  // expected-error@above {{Operation test.nonesuch is not registered}}
}

// -----

func.func @below() {
  // expected-error@below {{Operation test.nonesuch is not registered}}
  test.nonesuch
}

// -----

func.func @back() {
  test.nonesuch

  // expected-error@-2 {{Operation test.nonesuch is not registered}}
}

// -----

// expected-error@35 {{Operation test.nonesuch is not registered}}
func.func @number() {
  test.nonesuch
}

// -----

// Errors of the command line are nowhere in the file.
// expected-error@unknown {{unknown device 'atacc'}}
func.func @fine() {
  func.return
}
