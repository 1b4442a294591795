// RUN: pimc compile %s | filecheck %s
// RUN: pimc compile %s -o %t | filecheck %s --check-prefix=SILENT --allow-empty
// RUN: filecheck %s --input-file %t
// RUN: pimc compile %s | pim-opt | filecheck %s
// RUN: pimc compile %s | pim-opt -t pim-trace | filecheck %s --check-prefix=TRACE

// What pimc writes is IR like any other: pim-opt reads it and writes its commands.
// CHECK: pim.kernel "gemv0" on "attacc"
// CHECK: pim.program
// SILENT-NOT: {{.}}
// TRACE: PIM_MAC_AB
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
