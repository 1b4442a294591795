// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{device=gddr6-aim-ref narrow-to=f16}' 2>&1 | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{device=gddr6-aim narrow-to=f16}' 2>&1 | filecheck %s --check-prefix=WAITS

// CHECK: remark: contraction stays on the host: device "gddr6-aim-ref" does not wait until the host has written a matrix that it has computed
// CHECK-NOT: pim.kernel
// WAITS: pim.kernel
func.func @computed(%a: tensor<64x64xf16>, %x: tensor<64xf16>) -> tensor<64xf32> {
  %zero = arith.constant 0.0 : f32
  %m = tensor.empty() : tensor<64x64xf16>
  %w = linalg.add ins(%a, %a : tensor<64x64xf16>, tensor<64x64xf16>) outs(%m : tensor<64x64xf16>) -> tensor<64x64xf16>
  %e = tensor.empty() : tensor<64xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %y = linalg.matvec ins(%w, %x : tensor<64x64xf16>, tensor<64xf16>) outs(%i : tensor<64xf32>) -> tensor<64xf32>
  func.return %y : tensor<64xf32>
}
