// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{device=%S/../../../examples/attacc-w8.yaml}' | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline' --verify-diagnostics -o /dev/null
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{device=%S/../../../examples/attacc-w8.yaml}' -o /dev/null 2>&1 | filecheck %s --check-prefix=W8

#w = affine_map<(n, k) -> (n, k)>
#x = affine_map<(n, k) -> (k)>
#y = affine_map<(n, k) -> (n)>
#i = affine_map<(n) -> (n)>

// Converted in the body: the kernel takes the integers, a 1 of which counts as 1 / 128 in units.
// CHECK-LABEL: func.func @plain
// CHECK: pim.kernel "gemv0" {{.*}} over <n 12 output, k 32 reduction> {{.*}} ins(%x, %w : tensor<32xf16>, tensor<12x32xi8>) resident [1]
// CHECK: arith.sitofp
// CHECK-NEXT: arith.constant 7.8125{{0*}}e-03 : f32
// CHECK: pim.yield
// CHECK: linalg.generic
// CHECK: arith.constant 1.28{{0*}}e+02 : f32
// CHECK-NEXT: arith.extf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.truncf
func.func @plain(%x: tensor<32xf16>, %w: tensor<12x32xi8>) -> tensor<12xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<12xf16>
  %f = linalg.fill ins(%c : f16) outs(%e : tensor<12xf16>) -> tensor<12xf16>
  // expected-remark@below {{contraction stays on the host: device "attacc" has no units for int8 weights}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<32xf16>, tensor<12x32xi8>) outs(%f : tensor<12xf16>) {
  ^bb0(%a: f16, %q: i8, %acc: f16):
    %b = arith.sitofp %q : i8 to f16
    %p = arith.mulf %a, %b : f16
    %s = arith.addf %acc, %p : f16
    linalg.yield %s : f16
  } -> tensor<12xf16>
  func.return %y : tensor<12xf16>
}

// Scaled in the body: the result is scaled instead, and the source's rounding of weights is noted.
// CHECK-LABEL: func.func @scaled
// CHECK: pim.kernel "gemv1" {{.*}} ins(%x, %w : tensor<32xf16>, tensor<12x32xi8>) resident [1] from "dram" narrowed
// CHECK: ins(%{{[0-9a-z]+}}, %s : tensor<12xf16>, tensor<12xf16>)
func.func @scaled(%x: tensor<32xf16>, %w: tensor<12x32xi8>, %s: tensor<12xf16>) -> tensor<12xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<12xf16>
  %f = linalg.fill ins(%c : f16) outs(%e : tensor<12xf16>) -> tensor<12xf16>
  // expected-remark@below {{contraction stays on the host: device "attacc" has no units for int8 weights}}
  %y = linalg.generic {indexing_maps = [#x, #w, #y, #y], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w, %s : tensor<32xf16>, tensor<12x32xi8>, tensor<12xf16>) outs(%f : tensor<12xf16>) {
  ^bb0(%a: f16, %q: i8, %t: f16, %acc: f16):
    %b = arith.sitofp %q : i8 to f16
    %d = arith.mulf %t, %b : f16
    %p = arith.mulf %d, %a : f16
    %r = arith.addf %acc, %p : f16
    linalg.yield %r : f16
  } -> tensor<12xf16>
  func.return %y : tensor<12xf16>
}

// A sum in f32 that is scaled and then rounded may be rounded before, too.
// CHECK-LABEL: func.func @scaled_after
// CHECK: pim.kernel "gemv2" {{.*}} ins(%x, %w : tensor<32xf16>, tensor<12x32xi8>)
func.func @scaled_after(%x: tensor<32xf16>, %w: tensor<12x32xi8>, %s: tensor<12xf32>) -> tensor<12xf16> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<12xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  // expected-remark@below {{contraction stays on the host: device "attacc" has no units for int8 weights}}
  %y = linalg.generic {indexing_maps = [#w, #x, #y], iterator_types = ["parallel", "reduction"]}
      ins(%w, %x : tensor<12x32xi8>, tensor<32xf16>) outs(%f : tensor<12xf32>) {
  ^bb0(%q: i8, %a: f16, %acc: f32):
    %b = arith.sitofp %q : i8 to f32
    %v = arith.extf %a : f16 to f32
    %p = arith.mulf %v, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<12xf32>
  %g = tensor.empty() : tensor<12xf16>
  // expected-remark@below {{elementwise kernel stays on the host}}
  %z = linalg.generic {indexing_maps = [#i, #i, #i], iterator_types = ["parallel"]}
      ins(%y, %s : tensor<12xf32>, tensor<12xf32>) outs(%g : tensor<12xf16>) {
  ^bb0(%a: f32, %t: f32, %old: f16):
    %m = arith.mulf %a, %t : f32
    %r = arith.truncf %m : f32 to f16
    linalg.yield %r : f16
  } -> tensor<12xf16>
  func.return %z : tensor<12xf16>
}

// Scales of groups along the reduction do not factor out; nor may a sum that is kept be rounded.
// CHECK-LABEL: func.func @refused
// CHECK-NOT: pim.kernel
// W8: remark: contraction stays on the host: the scales of its int8 weights vary along the reduction
// W8: remark: contraction stays on the host: its f32 result is used unrounded, and device "attacc-w8" gives f16; narrow-to=f16 allows it
func.func @refused(%x: tensor<32xf16>, %w: tensor<12x32xi8>, %s: tensor<32xf16>) -> (tensor<12xf32>, tensor<12xf32>) {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<12xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  // expected-remark@below {{contraction stays on the host: device "attacc" has no units for int8 weights}}
  %y = linalg.generic {indexing_maps = [#x, #w, #x, #y], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w, %s : tensor<32xf16>, tensor<12x32xi8>, tensor<32xf16>) outs(%f : tensor<12xf32>) {
  ^bb0(%a: f16, %q: i8, %t: f16, %acc: f32):
    %b = arith.sitofp %q : i8 to f16
    %d = arith.mulf %b, %t : f16
    %v = arith.extf %a : f16 to f32
    %u = arith.extf %d : f16 to f32
    %p = arith.mulf %v, %u : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<12xf32>
  // expected-remark@below {{contraction stays on the host: device "attacc" has no units for int8 weights}}
  %z = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<32xf16>, tensor<12x32xi8>) outs(%f : tensor<12xf32>) {
  ^bb0(%a: f16, %q: i8, %acc: f32):
    %b = arith.sitofp %q : i8 to f32
    %v = arith.extf %a : f16 to f32
    %p = arith.mulf %v, %b : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  } -> tensor<12xf32>
  func.return %y, %z : tensor<12xf32>, tensor<12xf32>
}
