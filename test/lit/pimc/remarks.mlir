// RUN: pimc compile %s --device attacc --no-records -o /dev/null 2>&1 | filecheck %s
// RUN: pimc compile %s --device attacc --no-records --remarks all -o /dev/null 2>&1 | filecheck %s --check-prefix=ALL

#same = affine_map<(i) -> (i)>

// What is said of several ops is said once, with the lines of all.
// CHECK: remarks.mlir:[[LINE:[0-9]+]]:{{[0-9]+}}: remark: elementwise kernel stays on the host: device "attacc" has no elementwise commands; 2 such ops (lines [[LINE]],
// CHECK-NOT: remark

// ALL: remark: elementwise kernel stays on the host: device "attacc" has no elementwise commands
// ALL-NEXT: %y = linalg.generic
// ALL-NEXT: ^
// ALL-NEXT: remark: elementwise kernel stays on the host: device "attacc" has no elementwise commands
// ALL-NEXT: %y = linalg.generic
// ALL-NEXT: ^

func.func @sum(%x: tensor<8xf16>) -> tensor<8xf16> {
  %e = tensor.empty() : tensor<8xf16>
  %y = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf16>) outs(%e : tensor<8xf16>) {
  ^bb0(%a: f16, %old: f16):
    %r = arith.addf %a, %a : f16
    linalg.yield %r : f16
  } -> tensor<8xf16>
  func.return %y : tensor<8xf16>
}

func.func @quotient(%x: tensor<8xf16>) -> tensor<8xf16> {
  %e = tensor.empty() : tensor<8xf16>
  %y = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf16>) outs(%e : tensor<8xf16>) {
  ^bb0(%a: f16, %old: f16):
    %r = arith.divf %a, %a : f16
    linalg.yield %r : f16
  } -> tensor<8xf16>
  func.return %y : tensor<8xf16>
}
