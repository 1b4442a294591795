// RUN: rm -f %t.a %t.b && pimc tune %s --records %t.a --top-k 2 > %t.first
// RUN: pimc tune %s --records %t.a --top-k 2 | filecheck %s --check-prefix=AGAIN
// RUN: pimc compile %s --records %t.a --json -o %t.mlir | filecheck %s --check-prefix=COMPILE
// RUN: pimc tune-db show %t.a | filecheck %s --check-prefix=SHOW
// RUN: pimc tune-db show %t.a --json | filecheck %s --check-prefix=JSON
// RUN: echo '{"key": 1}' > %t.b && pimc tune-db merge %t.a %t.b %t.a -o %t.c 2>&1 | filecheck %s --check-prefix=MERGE
// RUN: echo '{"key"' >> %t.a && pimc tune %s --records %t.a --top-k 2 2>&1 | filecheck %s --check-prefix=DAMAGED

// AGAIN: search     from a record, verified in {{.*}} s; {{[0-9,]+}} schedules priced
// COMPILE: "schedule": "n:
// SHOW: contraction n 64 output, k 32 reduction on attacc, latency: {{[0-9,]+}} cycles (baseline {{[0-9,]+}})
// JSON: {"key":"{{[0-9a-f]+}}"
// A record of another tuning stands beside those that are there already, once.
// MERGE: .b:1:1: warning: damaged record is left out
// MERGE: 2 records in
// DAMAGED: .a:3:1: warning: damaged record is left out
// DAMAGED: from a record
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
