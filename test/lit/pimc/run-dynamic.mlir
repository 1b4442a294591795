// RUN: not pimc run %s 2>&1 | filecheck %s

// CHECK: run-dynamic.mlir:[[# @LINE + 1]]:1: error: 'dynamic' has arguments of dynamic shape, so it cannot be run
func.func @dynamic(%x: tensor<?xf16>) -> tensor<?xf16> {
  func.return %x : tensor<?xf16>
}
