// RUN: pimc run %s | filecheck %s
// RUN: pimc run %s --json | filecheck %s --check-prefix=JSON
// RUN: pimc run %s --seed 7 --inputs host | filecheck %s --check-prefix=HOST
// RUN: pimc run %s --schedule 'n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host' | filecheck %s --check-prefix=GIVEN

// Compiled, executed command by command, and compared with the host's numbers.
// CHECK: 1 kernel offloaded to attacc
// CHECK-NEXT: gemv0: contraction n 64, k 32
// CHECK-NEXT: schedule
// CHECK-NEXT: commands
// CHECK: host: nothing
// CHECK-NEXT: results agree with the host's: largest error {{.*}}, rounding allows
// JSON: {"device": "attacc", "kernels": [{"name": "gemv0", "pattern": "contraction", "shape": {"n": 64, "k": 32}
// JSON: "ok": true
// HOST-NOT: RD
// HOST: results agree with the host's
// GIVEN: schedule {{ *}}n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host
// GIVEN: results agree with the host's
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
