// RUN: pim-opt %s -p 'pim-compile{device=gddr6-aim-ref schedule="n: ch 2, bg*ba 16; k: time 2, time 3, lane 16; order k k; x: multicast; y: host"}' -t aim-trace | filecheck %s
// RUN: pim-opt %s -p linalg-normalize -t aim-trace | filecheck %s --check-prefix=NONE --allow-empty
// RUN: not pim-opt %s -p 'pim-compile{device=gddr6-aim}' -t aim-trace 2>&1 | filecheck %s --check-prefix=REQUESTS
// RUN: not pim-opt %s -p 'pim-compile{device=gddr6-aim-ref}' -t pim-trace 2>&1 | filecheck %s --check-prefix=INSTRUCTIONS

// A run of columns is one instruction of all channels; neither columns nor entries of the global
// buffer are in the text.
// CHECK: AiM WR_BIAS 0 0xc0000000
// CHECK-NEXT: AiM WR_GB 6 0 0xc0000000
// CHECK-NEXT: AiM MAC_ABK 6 0xc0000000 0
// CHECK-NEXT: AiM RD_MAC 0 0xc0000000
// CHECK-NEXT: AiM EOC

// A module without programs has no instructions.
// NONE-NOT: {{.}}

// REQUESTS: aim-trace.mlir:24:3: error: device "gddr6-aim" takes requests instead of instructions
// INSTRUCTIONS: aim-trace.mlir:24:3: error: device "gddr6-aim-ref" takes instructions instead of requests
// INSTRUCTIONS: hint: -t aim-trace writes them
func.func @gemv(%x: tensor<1x96xf16>, %w: tensor<96x32xf16>) -> tensor<1x32xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x32xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x32xf16>) -> tensor<1x32xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x96xf16>, tensor<96x32xf16>) outs(%init : tensor<1x32xf16>) -> tensor<1x32xf16>
  func.return %y : tensor<1x32xf16>
}
