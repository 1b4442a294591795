// RUN: not pimc run %s 2>&1 | filecheck %s

// CHECK: run-no-result.mlir:[[# @LINE + 1]]:1: error: 'silent' has no result to compare with the host's
func.func @silent(%x: tensor<4xf16>) {
  func.return
}
