// RUN: pim-opt %s -p linalg-normalize,cse --mlir-print-ir-before-all 2>&1 | filecheck %s --check-prefix=BEFORE
// RUN: pim-opt %s -p linalg-normalize,cse --mlir-print-ir-after-all 2>&1 | filecheck %s --check-prefix=AFTER
// RUN: not pim-opt %s -p linalg-normalize,pim-outline,pim-distribute --mlir-print-ir-after-failure 2>&1 | filecheck %s --check-prefix=FAILURE
// RUN: pim-opt %s -p linalg-normalize,cse --mlir-print-ir-after-failure 2>&1 | filecheck %s --check-prefix=SUCCESS
// RUN: pim-opt %s -p linalg-normalize,cse --mlir-timing 2>&1 | filecheck %s --check-prefix=TIMING

// BEFORE: // -----// IR Dump Before linalg-normalize //----- //
// BEFORE: linalg.matmul
// BEFORE: // -----// IR Dump Before cse //----- //
// BEFORE-NOT: linalg.matmul
// BEFORE-NOT: IR Dump

// AFTER-NOT: linalg.matmul
// AFTER: // -----// IR Dump After linalg-normalize //----- //
// AFTER: linalg.generic
// AFTER: // -----// IR Dump After cse //----- //
// AFTER-NOT: IR Dump

// FAILURE-NOT: Dump After linalg-normalize
// FAILURE: // -----// IR Dump After pim-distribute Failed //----- //
// FAILURE: pim.kernel
// FAILURE: error: kernel "gemv0" has no schedule

// SUCCESS-NOT: IR Dump

// TIMING: ===---- Execution time report ----===
// TIMING-NEXT: parse and verify
// TIMING-NEXT: linalg-normalize
// TIMING-NEXT: cse
// TIMING-NEXT: write
// TIMING-NEXT: {{100.0%}}  Total
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
