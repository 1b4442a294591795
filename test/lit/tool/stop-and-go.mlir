// RUN: pim-opt %s -p pim-compile > %t
// RUN: pim-opt %s -p linalg-normalize | pim-opt -p pim-outline,pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline | pim-opt -p pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule | pim-opt -p pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute | pim-opt -p layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks | pim-opt -p layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements | pim-opt -p layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements | pim-opt -p pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands | pim-opt -p pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline --mlir-print-op-generic | pim-opt -p pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks --mlir-print-op-generic | pim-opt -p layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands,pim-schedule-commands | diff %t -
// RUN: pim-opt %s -p linalg-normalize,pim-outline,pim-set-schedule,pim-distribute,layout-map-banks,layout-insert-rearrangements,layout-fold-rearrangements,pim-lower-to-commands --mlir-print-op-generic | pim-opt -p pim-schedule-commands | diff %t -
// RUN: pim-opt %t | diff %t -
// RUN: filecheck %s --input-file %t

// The pipeline may stop after any pass: printed, read by another process and continued, it gives
// what it gives in one go. Two kernels, one fed by the other, share the rows of the banks.
// CHECK-LABEL: func.func @two_layers
// CHECK: pim.kernel "gemv0"
// CHECK: pim.kernel "gemv1"
func.func @two_layers(%x: tensor<1x40xf16>, %w: tensor<40x72xf16>, %v: tensor<72x24xf16>) -> tensor<1x24xf16> {
  %zero = arith.constant 0.0 : f16
  %he = tensor.empty() : tensor<1x72xf16>
  %hi = linalg.fill ins(%zero : f16) outs(%he : tensor<1x72xf16>) -> tensor<1x72xf16>
  %h = linalg.matmul ins(%x, %w : tensor<1x40xf16>, tensor<40x72xf16>) outs(%hi : tensor<1x72xf16>) -> tensor<1x72xf16>
  %ye = tensor.empty() : tensor<1x24xf16>
  %yi = linalg.fill ins(%zero : f16) outs(%ye : tensor<1x24xf16>) -> tensor<1x24xf16>
  %y = linalg.matmul ins(%h, %v : tensor<1x72xf16>, tensor<72x24xf16>) outs(%yi : tensor<1x24xf16>) -> tensor<1x24xf16>
  func.return %y : tensor<1x24xf16>
}
