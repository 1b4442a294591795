// RUN: pim-opt %s -p linalg-normalize | filecheck %s
// RUN: pim-opt %s -p linalg-normalize --verify-each=semantics | filecheck %s

// Named contractions become generics.
// CHECK-LABEL: func.func @named
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
// CHECK-NOT: linalg.matvec
func.func @named(%w: tensor<4x8xf16>, %x: tensor<8xf16>, %o: tensor<4xf16>) -> tensor<4xf16> {
  %r = linalg.matvec ins(%w, %x : tensor<4x8xf16>, tensor<8xf16>) outs(%o : tensor<4xf16>) -> tensor<4xf16>
  func.return %r : tensor<4xf16>
}

// A fill stays as it is: recognition of initial values looks for it.
// CHECK-LABEL: func.func @fill
// CHECK: linalg.fill
func.func @fill(%o: tensor<4xf16>) -> tensor<4xf16> {
  %c = arith.constant 0.0 : f16
  %r = linalg.fill ins(%c : f16) outs(%o : tensor<4xf16>) -> tensor<4xf16>
  func.return %r : tensor<4xf16>
}

// The reader of a transposed matrix reads the matrix, by another map.
// CHECK-LABEL: func.func @transposed
// CHECK-NEXT: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>]
// CHECK-SAME: ins(%x, %w : tensor<4x8xf16>, tensor<16x8xf16>)
func.func @transposed(%x: tensor<4x8xf16>, %w: tensor<16x8xf16>, %o: tensor<4x16xf16>) -> tensor<4x16xf16> {
  %e = tensor.empty() : tensor<8x16xf16>
  %t = linalg.transpose ins(%w : tensor<16x8xf16>) outs(%e : tensor<8x16xf16>) permutation = [1, 0]
  %r = linalg.matmul ins(%x, %t : tensor<4x8xf16>, tensor<8x16xf16>) outs(%o : tensor<4x16xf16>) -> tensor<4x16xf16>
  func.return %r : tensor<4x16xf16>
}

// A transpose that is a result stays.
// CHECK-LABEL: func.func @transpose_returned
// CHECK: linalg.generic {{.*}} ins(%w : tensor<16x8xf16>)
func.func @transpose_returned(%w: tensor<16x8xf16>) -> tensor<8x16xf16> {
  %e = tensor.empty() : tensor<8x16xf16>
  %t = linalg.transpose ins(%w : tensor<16x8xf16>) outs(%e : tensor<8x16xf16>) permutation = [1, 0]
  func.return %t : tensor<8x16xf16>
}

// Across a collapse that keeps the permuted axes together: collapsed first, then folded.
// CHECK-LABEL: func.func @collapsed
// CHECK-NEXT: %{{.*}} = tensor.collapse_shape %w {{.*}} : tensor<2x3x16x8xf16> into tensor<6x16x8xf16>
// CHECK-NEXT: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
func.func @collapsed(%x: tensor<6x1x8xf16>, %w: tensor<2x3x16x8xf16>, %o: tensor<6x1x16xf16>) -> tensor<6x1x16xf16> {
  %e = tensor.empty() : tensor<2x3x8x16xf16>
  %t = linalg.transpose ins(%w : tensor<2x3x16x8xf16>) outs(%e : tensor<2x3x8x16xf16>) permutation = [0, 1, 3, 2]
  %c = tensor.collapse_shape %t [[0, 1], [2], [3]] : tensor<2x3x8x16xf16> into tensor<6x8x16xf16>
  %r = linalg.batch_matmul ins(%x, %c : tensor<6x1x8xf16>, tensor<6x8x16xf16>) outs(%o : tensor<6x1x16xf16>) -> tensor<6x1x16xf16>
  func.return %r : tensor<6x1x16xf16>
}

// Not across a collapse of axes that the permutation tears apart.
// CHECK-LABEL: func.func @torn_apart
// CHECK: linalg.generic {{.*}} ins(%w : tensor<2x16x3x8xf16>)
// CHECK: tensor.collapse_shape
// CHECK: linalg.generic
func.func @torn_apart(%x: tensor<6x1x8xf16>, %w: tensor<2x16x3x8xf16>, %o: tensor<6x1x16xf16>) -> tensor<6x1x16xf16> {
  %e = tensor.empty() : tensor<2x3x8x16xf16>
  %t = linalg.transpose ins(%w : tensor<2x16x3x8xf16>) outs(%e : tensor<2x3x8x16xf16>) permutation = [0, 2, 3, 1]
  %c = tensor.collapse_shape %t [[0, 1], [2], [3]] : tensor<2x3x8x16xf16> into tensor<6x8x16xf16>
  %r = linalg.batch_matmul ins(%x, %c : tensor<6x1x8xf16>, tensor<6x8x16xf16>) outs(%o : tensor<6x1x16xf16>) -> tensor<6x1x16xf16>
  func.return %r : tensor<6x1x16xf16>
}

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// A scale inside of a contraction's body moves before it.
// CHECK-LABEL: func.func @scaled
// CHECK: [[SCALED:%.*]] = linalg.generic {{.*}} ins(%x : tensor<1x8xf16>)
// CHECK: arith.mulf
// CHECK: linalg.generic {{.*}} ins([[SCALED]], %w : tensor<1x8xf16>, tensor<16x8xf16>)
func.func @scaled(%x: tensor<1x8xf16>, %w: tensor<16x8xf16>, %o: tensor<1x16xf16>) -> tensor<1x16xf16> {
  %scale = arith.constant 0.125 : f16
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x8xf16>, tensor<16x8xf16>) outs(%o : tensor<1x16xf16>) {
  ^bb0(%a: f16, %b: f16, %c: f16):
    %s = arith.mulf %a, %scale : f16
    %p = arith.mulf %s, %b : f16
    %t = arith.addf %c, %p : f16
    linalg.yield %t : f16
  } -> tensor<1x16xf16>
  func.return %r : tensor<1x16xf16>
}

// Only extended, an operand stays where it is: it is stored narrow.
// CHECK-LABEL: func.func @extended
// CHECK: linalg.generic {{.*}} ins(%x, %w : tensor<1x8xf16>, tensor<16x8xf16>)
// CHECK: arith.extf
// CHECK-NOT: linalg.generic
// CHECK: func.return
func.func @extended(%x: tensor<1x8xf16>, %w: tensor<16x8xf16>, %o: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x8xf16>, tensor<16x8xf16>) outs(%o : tensor<1x16xf32>) {
  ^bb0(%a: f16, %b: f16, %c: f32):
    %ax = arith.extf %a : f16 to f32
    %bx = arith.extf %b : f16 to f32
    %p = arith.mulf %ax, %bx : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<1x16xf32>
  func.return %r : tensor<1x16xf32>
}

// A factor that uses itself over and over is looked at once per op, not once per path.
// CHECK-LABEL: func.func @diamonds
// CHECK: linalg.generic {{.*}} ins(%x : tensor<1x8xf16>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %w : tensor<1x8xf16>, tensor<16x8xf16>)
func.func @diamonds(%x: tensor<1x8xf16>, %w: tensor<16x8xf16>, %o: tensor<1x16xf16>) -> tensor<1x16xf16> {
  %half = arith.constant 0.5 : f16
  %r = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x8xf16>, tensor<16x8xf16>) outs(%o : tensor<1x16xf16>) {
  ^bb0(%a: f16, %b: f16, %c: f16):
    %h = arith.mulf %a, %half : f16
    %d0 = arith.addf %h, %h : f16
    %d1 = arith.mulf %d0, %half : f16
    %d2 = arith.addf %d1, %d1 : f16
    %d3 = arith.mulf %d2, %half : f16
    %d4 = arith.addf %d3, %d3 : f16
    %d5 = arith.mulf %d4, %half : f16
    %d6 = arith.addf %d5, %d5 : f16
    %d7 = arith.mulf %d6, %half : f16
    %d8 = arith.addf %d7, %d7 : f16
    %d9 = arith.mulf %d8, %half : f16
    %d10 = arith.addf %d9, %d9 : f16
    %d11 = arith.mulf %d10, %half : f16
    %d12 = arith.addf %d11, %d11 : f16
    %d13 = arith.mulf %d12, %half : f16
    %d14 = arith.addf %d13, %d13 : f16
    %d15 = arith.mulf %d14, %half : f16
    %d16 = arith.addf %d15, %d15 : f16
    %d17 = arith.mulf %d16, %half : f16
    %d18 = arith.addf %d17, %d17 : f16
    %d19 = arith.mulf %d18, %half : f16
    %d20 = arith.addf %d19, %d19 : f16
    %d21 = arith.mulf %d20, %half : f16
    %d22 = arith.addf %d21, %d21 : f16
    %d23 = arith.mulf %d22, %half : f16
    %d24 = arith.addf %d23, %d23 : f16
    %d25 = arith.mulf %d24, %half : f16
    %d26 = arith.addf %d25, %d25 : f16
    %d27 = arith.mulf %d26, %half : f16
    %d28 = arith.addf %d27, %d27 : f16
    %d29 = arith.mulf %d28, %half : f16
    %d30 = arith.addf %d29, %d29 : f16
    %d31 = arith.mulf %d30, %half : f16
    %d32 = arith.addf %d31, %d31 : f16
    %d33 = arith.mulf %d32, %half : f16
    %d34 = arith.addf %d33, %d33 : f16
    %d35 = arith.mulf %d34, %half : f16
    %d36 = arith.addf %d35, %d35 : f16
    %d37 = arith.mulf %d36, %half : f16
    %d38 = arith.addf %d37, %d37 : f16
    %d39 = arith.mulf %d38, %half : f16
    %d40 = arith.addf %d39, %d39 : f16
    %d41 = arith.mulf %d40, %half : f16
    %d42 = arith.addf %d41, %d41 : f16
    %d43 = arith.mulf %d42, %half : f16
    %d44 = arith.addf %d43, %d43 : f16
    %d45 = arith.mulf %d44, %half : f16
    %d46 = arith.addf %d45, %d45 : f16
    %d47 = arith.mulf %d46, %half : f16
    %d48 = arith.addf %d47, %d47 : f16
    %d49 = arith.mulf %d48, %half : f16
    %d50 = arith.addf %d49, %d49 : f16
    %d51 = arith.mulf %d50, %half : f16
    %d52 = arith.addf %d51, %d51 : f16
    %d53 = arith.mulf %d52, %half : f16
    %d54 = arith.addf %d53, %d53 : f16
    %d55 = arith.mulf %d54, %half : f16
    %d56 = arith.addf %d55, %d55 : f16
    %d57 = arith.mulf %d56, %half : f16
    %d58 = arith.addf %d57, %d57 : f16
    %d59 = arith.mulf %d58, %half : f16
    %d60 = arith.addf %d59, %d59 : f16
    %p = arith.mulf %d60, %b : f16
    %t = arith.addf %c, %p : f16
    linalg.yield %t : f16
  } -> tensor<1x16xf16>
  func.return %r : tensor<1x16xf16>
}
