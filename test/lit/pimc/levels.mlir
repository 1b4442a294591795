// RUN: pimc compile %s -O1 | filecheck %s --check-prefix=RULE
// RUN: pimc compile %s -O2 --device attacc-ref | filecheck %s
// RUN: pimc run %s -O3 --no-records --device attacc-ref | filecheck %s --check-prefix=EXEC
// RUN: not pimc run %s -O4 2>&1 | filecheck %s --check-prefix=LEVEL
// RUN: not pim-opt %s -p 'pim-compile{opt=5}' 2>&1 | filecheck %s --check-prefix=PIPELINE
// RUN: pim-opt %s -p 'pim-compile{opt=3 device=attacc-ref top-k=2 objective=edp}' --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{confirm=false top-k=1}' | filecheck %s
// RUN: not pim-opt %s -p 'linalg-normalize,pim-outline,pim-autotune{top-k=0}' 2>&1 | filecheck %s --check-prefix=TOPK

// By rule of thumb, by the model, and by model and simulation.
// RULE: schedule <"n: channel 16, pc*ra*bg 4, time 1, time 1; k: ba 4,
// CHECK: schedule <"n: {{.*}}k: {{.*}}">
// EXEC: schedule   n:
// EXEC: results agree with the host's
// EXEC-NEXT: issue order keeps all dependences
// LEVEL: error: argument -O: invalid choice: 4
// PIPELINE: error: pipeline 'pim-compile': opt is 5; expected one of 1, 2, 3
// TOPK: levels.mlir:[[# @LINE + 5]]:{{[0-9]+}}: error: top-k is 0; expected at least 1
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
