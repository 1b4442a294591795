// RUN: pim-opt %s -p pim-autotune --split-input-file --verify-diagnostics
// RUN: not pim-opt %s -p 'pim-autotune{top-k=0}' --split-input-file 2>&1 | filecheck %s

// There is nothing to search on a device that does not exist.
func.func @no_such_device(%x: tensor<32xf16>, %w: tensor<64x32xf16>) -> tensor<64xf16> {
  // expected-error@+3 {{unknown device 'atacc'}}
  // A search that keeps nothing gives nothing, on any device.
  // CHECK: pim-autotune-invalid.mlir:[[# @LINE + 1]]:3: error: top-k is 0; expected at least 1
  %y = pim.kernel "gemv" on "atacc" over <n 64 output, k 32 reduction> maps [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %empty = tensor.empty() : tensor<64xf16>
    %r = linalg.matvec ins(%b, %a : tensor<64x32xf16>, tensor<32xf16>) outs(%empty : tensor<64xf16>) -> tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return %y : tensor<64xf16>
}

// -----

// Nor on one whose lanes all hold outputs, for a kernel that has none.
func.func @no_commands(%x: tensor<32xf16>, %w: tensor<32xf16>) -> tensor<f16> {
  // expected-error@+1 {{no schedule of kernel "dot" fits device "hbm-pim"}}
  %y = pim.kernel "dot" on "hbm-pim" over <k 32 reduction> maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>] ins(%x, %w : tensor<32xf16>, tensor<32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<32xf16>):
    %empty = tensor.empty() : tensor<f16>
    %r = linalg.dot ins(%b, %a : tensor<32xf16>, tensor<32xf16>) outs(%empty : tensor<f16>) -> tensor<f16>
    pim.yield %r : tensor<f16>
  } : tensor<f16>
  func.return %y : tensor<f16>
}
