// RUN: pim-opt %s -p linalg-normalize,pim-length-argument --split-input-file --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p linalg-normalize,pim-length-argument,pim-length-argument | filecheck %s
// RUN: pim-opt %s -p linalg-normalize,pim-length-argument,pim-outline --split-input-file | filecheck %s --check-prefix=KERNEL
// RUN: pim-opt %s -p 'pim-compile{variable-length=true}' --split-input-file --verify-each=semantics | filecheck %s --check-prefix=PROGRAM
// RUN: not pim-opt %S/../pimc/run.mlir -p linalg-normalize,pim-length-argument 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not pim-opt %s -p 'pim-compile{variable-length=maybe}' 2>&1 | filecheck %s --check-prefix=VALUE

// NONE: run.mlir:19:1: error: nothing takes a length: there is no attention
// VALUE: error: pipeline 'pim-compile': variable-length is maybe; expected true or false

// The scores of positions from the length on are minus infinity. What has a length keeps it.
// CHECK-LABEL: func.func @decode
// CHECK-SAME: tensor<2x40x8xf16>, %length: index {pim.at_most = 40 : i64}) ->
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%q, %k :
// CHECK: linalg.generic {{.*}} ins(%[[S]] : tensor<2x40xf32>)
// CHECK: linalg.index 1 : index
// CHECK: arith.cmpi slt, %{{.*}}, %length : index
// CHECK: arith.select

// KERNEL-LABEL: func.func @decode
// KERNEL: pim.kernel "attention0" {{.*}} over <h 2 head, n 40 length, {{.*}} length %length resident

// Conditions and the operand of the softmax have it.
// PROGRAM-LABEL: func.func @decode
// PROGRAM: pim.program {{.*}} length %{{.*}} {
// PROGRAM: pim.when affine_map<{{.*}}(d0 + -1)){{.*}}
// PROGRAM: pim.issue "SFM"{{.*}} using affine_map<(d0, {{.*}}, d0, 16)>
func.func @decode(%q: tensor<2x8xf16>, %k: tensor<2x40x8xf16>, %v: tensor<2x40x8xf16>) -> tensor<2x8xf16> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %s_empty = tensor.empty() : tensor<2x40xf32>
  %s_init = linalg.fill ins(%zero : f32) outs(%s_empty : tensor<2x40xf32>) -> tensor<2x40xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(h, n, d) -> (h, d)>, affine_map<(h, n, d) -> (h, n, d)>, affine_map<(h, n, d) -> (h, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x8xf16>, tensor<2x40x8xf16>) outs(%s_init : tensor<2x40xf32>) {
  ^bb0(%a: f16, %b: f16, %old: f32):
    %a1 = arith.extf %a : f16 to f32
    %b1 = arith.extf %b : f16 to f32
    %ab = arith.mulf %a1, %b1 : f32
    %r = arith.addf %old, %ab : f32
    linalg.yield %r : f32
  } -> tensor<2x40xf32>
  %row = tensor.empty() : tensor<2xf32>
  %m_init = linalg.fill ins(%lowest : f32) outs(%row : tensor<2xf32>) -> tensor<2xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(h, n) -> (h, n)>, affine_map<(h, n) -> (h)>], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x40xf32>) outs(%m_init : tensor<2xf32>) {
  ^bb0(%a: f32, %old: f32):
    %r = arith.maximumf %a, %old : f32
    linalg.yield %r : f32
  } -> tensor<2xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(h, n) -> (h, n)>, affine_map<(h, n) -> (h)>, affine_map<(h, n) -> (h, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%s, %m : tensor<2x40xf32>, tensor<2xf32>) outs(%s_empty : tensor<2x40xf32>) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %d = arith.subf %a, %b : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<2x40xf32>
  %z_init = linalg.fill ins(%zero : f32) outs(%row : tensor<2xf32>) -> tensor<2xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(h, n) -> (h, n)>, affine_map<(h, n) -> (h)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x40xf32>) outs(%z_init : tensor<2xf32>) {
  ^bb0(%a: f32, %old: f32):
    %r = arith.addf %a, %old : f32
    linalg.yield %r : f32
  } -> tensor<2xf32>
  %p_empty = tensor.empty() : tensor<2x40xf16>
  %p = linalg.generic {indexing_maps = [affine_map<(h, n) -> (h, n)>, affine_map<(h, n) -> (h)>, affine_map<(h, n) -> (h, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %z : tensor<2x40xf32>, tensor<2xf32>) outs(%p_empty : tensor<2x40xf16>) {
  ^bb0(%a: f32, %b: f32, %old: f16):
    %d = arith.divf %a, %b : f32
    %r = arith.truncf %d : f32 to f16
    linalg.yield %r : f16
  } -> tensor<2x40xf16>
  %c_empty = tensor.empty() : tensor<2x8xf32>
  %c_init = linalg.fill ins(%zero : f32) outs(%c_empty : tensor<2x8xf32>) -> tensor<2x8xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(h, n, e) -> (h, n)>, affine_map<(h, n, e) -> (h, n, e)>, affine_map<(h, n, e) -> (h, e)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%p, %v : tensor<2x40xf16>, tensor<2x40x8xf16>) outs(%c_init : tensor<2x8xf32>) {
  ^bb0(%a: f16, %b: f16, %old: f32):
    %a1 = arith.extf %a : f16 to f32
    %b1 = arith.extf %b : f16 to f32
    %ab = arith.mulf %a1, %b1 : f32
    %r = arith.addf %old, %ab : f32
    linalg.yield %r : f32
  } -> tensor<2x8xf32>
  %y_empty = tensor.empty() : tensor<2x8xf16>
  %y = linalg.generic {indexing_maps = [affine_map<(h, e) -> (h, e)>, affine_map<(h, e) -> (h, e)>], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<2x8xf32>) outs(%y_empty : tensor<2x8xf16>) {
  ^bb0(%a: f32, %old: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<2x8xf16>
  func.return %y : tensor<2x8xf16>
}
