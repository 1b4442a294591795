// RUN: pim-opt %s --pass-pipeline 'builtin.module(func.func(linalg-normalize),pim-outline{device=attacc inputs=host})' | filecheck %s
// RUN: pim-opt %s --pass-pipeline='builtin.module( any(linalg-normalize) , pim-outline{device=attacc, inputs=host} )' | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs=host}' | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs="host"}' | filecheck %s
// RUN: pim-opt %s -p "linalg-normalize,pim-outline{inputs='host'}" | filecheck %s
// RUN: pim-opt %s -p 'builtin.module()' | filecheck %s --check-prefix=NOTHING
// RUN: pim-opt %s | filecheck %s --check-prefix=NOTHING
// RUN: pim-opt %s -p 'pim-compile{device=attacc}' --dump-pass-pipeline 2>&1 | filecheck %s --check-prefix=DUMP
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs="host" narrow-to=f16}' --dump-pass-pipeline 2>&1 | filecheck %s --check-prefix=OPTIONS

// MLIR's text of a pipeline and the short one mean the same.
// CHECK-LABEL: func.func @gemv
// CHECK: pim.kernel {{.*}} from "host"

// Nothing to run leaves everything.
// NOTHING-LABEL: func.func @gemv
// NOTHING: linalg.matmul

// A named pipeline is dumped as what it stands for.
// DUMP: Pass Manager with 9 passes:
// DUMP-NEXT: builtin.module(linalg-normalize,pim-outline{device=attacc},pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands)

// OPTIONS: builtin.module(linalg-normalize,pim-outline{inputs="host" narrow-to=f16})
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
