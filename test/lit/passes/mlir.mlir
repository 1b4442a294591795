// REQUIRES: mlir
// RUN: pim-opt %s -p mlir | filecheck %s
// RUN: pim-opt %s -p 'mlir{pipeline="builtin.module(canonicalize)"}' | filecheck %s --check-prefix=ONLY
// RUN: not pim-opt %s -p 'mlir{pipeline="builtin.module(canonicalise)"}' 2>&1 | filecheck %s --check-prefix=WRONG
// RUN: pim-opt %s -p mlir,pim-outline 2>&1 | filecheck %s --check-prefix=PLACE

// MLIR's own passes make named ops generic and fold the transpose into the maps of its reader.
// CHECK-LABEL: func.func @transposed
// CHECK-NOT: linalg.transpose
// CHECK: affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-NOT: linalg.generic

// Not folded by a pipeline that only canonicalises.
// ONLY-LABEL: func.func @transposed
// ONLY: linalg.transpose
// ONLY: linalg.matmul ins

// WRONG: error: MLIR: {{.*}}'canonicalise' does not refer to a registered pass

// Places in the source outlive the journey: the remark stands at the matmul.
// PLACE: mlir.mlir:[[# @LINE + 5]]:3: remark: contraction stays on the host
func.func @transposed(%x: tensor<4x32xf16>, %w: tensor<64x32xf16>, %c: tensor<4x64xf16>) -> tensor<4x64xf16> {
  %e = tensor.empty() : tensor<32x64xf16>
  %t = linalg.transpose ins(%w : tensor<64x32xf16>) outs(%e : tensor<32x64xf16>) permutation = [1, 0]
  // Made of ops of several dialects.
  %y = linalg.matmul ins(%x, %t : tensor<4x32xf16>, tensor<32x64xf16>) outs(%c : tensor<4x64xf16>) -> tensor<4x64xf16>
  func.return %y : tensor<4x64xf16>
}

// Ops that MLIR does not know pass through.
// CHECK-LABEL: func.func @ours
// CHECK: layout.bind %{{.*}} : tensor<32xf16> -> tensor<32xf16, #layout.host>
func.func @ours(%x: tensor<32xf16>) -> tensor<32xf16, #layout.host> {
  %0 = layout.bind %x : tensor<32xf16> -> tensor<32xf16, #layout.host>
  func.return %0 : tensor<32xf16, #layout.host>
}
