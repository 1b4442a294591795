// RUN: pim-opt %s -p linalg-normalize,pim-outline | filecheck %s
// RUN: pim-opt %s -p linalg-normalize,pim-outline --verify-diagnostics
// RUN: pim-opt %s -p pim-compile --verify-each=semantics | filecheck %s --check-prefix=COMMANDS

#s = affine_map<(h, n) -> (h, n)>
#row = affine_map<(h, n) -> (h)>
#all = affine_map<(h, n) -> (n)>
#q = affine_map<(h, n, d) -> (h, d)>
#k = affine_map<(h, n, d) -> (h, n, d)>
#p = affine_map<(h, n, d) -> (h, n)>

// What is added to scores lies in the kernel's hands less its largest value, which changes no weight,
// as these scores are not rounded before the softmax takes them. Ones are loaded, and a column of
// the mask is multiplied by them for each entry of scores.
// CHECK-LABEL: func.func @masked
// CHECK: [[LARGEST:%[0-9]+]] = linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%m
// CHECK: [[CENTRED:%[0-9]+]] = linalg.generic {{.*}} ins(%m, [[LARGEST]] : tensor<40xf16>, tensor<f32>)
// CHECK: arith.subf
// CHECK: [[MASK:%[0-9]+]] = linalg.generic {{.*}} ins([[CENTRED]] : tensor<40xf32>)
// CHECK: pim.kernel "attention0" on "attacc" computing "attention: scale 0.5" over <h 2 head, n 40 length, d 8 key, e 8 value>
// CHECK-SAME: ins(%q, %k, %v, [[MASK]] : tensor<2x8xf16>, tensor<2x40x8xf16>, tensor<2x40x8xf16>, tensor<40xf16>) resident [1, 2] from "dram"
// COMMANDS-LABEL: func.func @masked
// COMMANDS: [[ONES:%[0-9]+]] = pim.staging of 1.000000e+00 : f64 : memref<16xf16>
// COMMANDS: pim.issue "WRGBM"{{.*}} using affine_map<(d0, d1, d2) -> ((d1 + 15))> moves [[ONES]]
// COMMANDS: pim.issue "MACABV"{{.*}} using affine_map<({{.*}}) -> (15, 0)>
// COMMANDS: pim.issue "MACAB"
func.func @masked(%q: tensor<2x8xf16>, %k: tensor<2x40x8xf16>, %v: tensor<2x40x8xf16>, %m: tensor<40xf16>) -> tensor<2x8xf16> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %half = arith.constant 0.5 : f32
  %se = tensor.empty() : tensor<2x40xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<2x40xf32>) -> tensor<2x40xf32>
  %s = linalg.generic {indexing_maps = [#q, #k, #p], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x8xf16>, tensor<2x40x8xf16>) outs(%s0 : tensor<2x40xf32>) {
  ^bb0(%a: f16, %b: f16, %o: f32):
    %aw = arith.extf %a : f16 to f32
    %bw = arith.extf %b : f16 to f32
    %ab = arith.mulf %aw, %bw : f32
    %r = arith.addf %o, %ab : f32
    linalg.yield %r : f32
  } -> tensor<2x40xf32>
  %t = linalg.generic {indexing_maps = [#s, #all, #s], iterator_types = ["parallel", "parallel"]}
      ins(%s, %m : tensor<2x40xf32>, tensor<40xf16>) outs(%se : tensor<2x40xf32>) {
  ^bb0(%a: f32, %b: f16, %o: f32):
    %c = arith.mulf %a, %half : f32
    %bw = arith.extf %b : f16 to f32
    %r = arith.addf %c, %bw : f32
    linalg.yield %r : f32
  } -> tensor<2x40xf32>
  %re = tensor.empty() : tensor<2xf32>
  %x0 = linalg.fill ins(%low : f32) outs(%re : tensor<2xf32>) -> tensor<2xf32>
  %x = linalg.generic {indexing_maps = [#s, #row], iterator_types = ["parallel", "reduction"]}
      ins(%t : tensor<2x40xf32>) outs(%x0 : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<2xf32>
  %e = linalg.generic {indexing_maps = [#s, #row, #s], iterator_types = ["parallel", "parallel"]}
      ins(%t, %x : tensor<2x40xf32>, tensor<2xf32>) outs(%se : tensor<2x40xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<2x40xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%re : tensor<2xf32>) -> tensor<2xf32>
  %z = linalg.generic {indexing_maps = [#s, #row], iterator_types = ["parallel", "reduction"]}
      ins(%e : tensor<2x40xf32>) outs(%z0 : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<2xf32>
  %we = tensor.empty() : tensor<2x40xf16>
  %w = linalg.generic {indexing_maps = [#s, #row, #s], iterator_types = ["parallel", "parallel"]}
      ins(%e, %z : tensor<2x40xf32>, tensor<2xf32>) outs(%we : tensor<2x40xf16>) {
  ^bb0(%a: f32, %b: f32, %o: f16):
    %d = arith.divf %a, %b : f32
    %r = arith.truncf %d : f32 to f16
    linalg.yield %r : f16
  } -> tensor<2x40xf16>
  %ye = tensor.empty() : tensor<2x8xf32>
  %y0 = linalg.fill ins(%zero : f32) outs(%ye : tensor<2x8xf32>) -> tensor<2x8xf32>
  %y = linalg.generic {indexing_maps = [#p, #k, #q], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%w, %v : tensor<2x40xf16>, tensor<2x40x8xf16>) outs(%y0 : tensor<2x8xf32>) {
  ^bb0(%a: f16, %b: f16, %o: f32):
    %aw = arith.extf %a : f16 to f32
    %bw = arith.extf %b : f16 to f32
    %ab = arith.mulf %aw, %bw : f32
    %r = arith.addf %o, %ab : f32
    linalg.yield %r : f32
  } -> tensor<2x8xf32>
  %oe = tensor.empty() : tensor<2x8xf16>
  %out = linalg.generic {indexing_maps = [#s, #s], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<2x8xf32>) outs(%oe : tensor<2x8xf16>) {
  ^bb0(%a: f32, %o: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<2x8xf16>
  func.return %out : tensor<2x8xf16>
}
