// RUN: pim-opt %s -o %t
// RUN: filecheck %s --input-file %t
// RUN: pim-opt < %s | filecheck %s
// RUN: pim-opt - -o - < %s | filecheck %s
// RUN: pim-opt %s -o %t.kept
// RUN: not pim-opt %s -p pim-outlin -o %t.kept
// RUN: not pim-opt %s -p layout-insert-rearrangements -o %t.kept
// RUN: diff %t %t.kept
// RUN: not pim-opt %s -o %t.none/file 2>&1 | filecheck %s --check-prefix=NOWHERE
// RUN: not pim-opt %t.none 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not pim-opt %S 2>&1 | filecheck %s --check-prefix=FOLDER
// RUN: not pim-opt --no-such-option %s 2>&1 | filecheck %s --check-prefix=USAGE

// CHECK: func.func @placed

// After an error nothing is written: what was in the file is there still.

// USAGE: pim-opt: error: unrecognized arguments: --no-such-option
// NOWHERE: error: cannot write '{{.*}}none/file': No such file or directory
// MISSING: error: cannot read '{{.*}}.none': No such file or directory
// FOLDER: error: cannot read '{{.*}}': Is a directory
func.func @placed(%x: tensor<32xf16, #layout.host>) {
  %0 = layout.require %x : tensor<32xf16, #layout.host> -> tensor<32xf16, #layout.placement<operand, [local 32]>>
  func.return
}
