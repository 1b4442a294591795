// RUN: pim-opt %s -p linalg-normalize,pim-outline --verify-each=semantics | filecheck %s
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{inputs=host}' | filecheck %s --check-prefix=HOST
// RUN: pim-opt %s -p 'linalg-normalize,pim-outline{narrow-to=f16}' | filecheck %s --check-prefix=NARROW
// RUN: pim-opt %s -p linalg-normalize,pim-outline --verify-diagnostics

// A vector times a matrix: M is 1. The matrix is an argument, so it is resident.
// CHECK-LABEL: func.func @gemv
// CHECK: pim.kernel "gemv0" on "attacc" over <n 64 output, k 32 reduction>
// CHECK-SAME: ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) resident [1] from "dram" {{.*}}{
// HOST-LABEL: func.func @gemv
// HOST: pim.kernel {{.*}} from "host" {
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Every kernel has a label of its own.
// CHECK-LABEL: func.func @second
// CHECK: pim.kernel "gemv1"
func.func @second(%x: tensor<1x16xf16>, %w: tensor<16x16xf16>) -> tensor<1x16xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x16xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x16xf16>) -> tensor<1x16xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x16xf16>, tensor<16x16xf16>) outs(%i : tensor<1x16xf16>) -> tensor<1x16xf16>
  func.return %y : tensor<1x16xf16>
}

// The matrix is computed, so it is streamed.
// CHECK-LABEL: func.func @computed_matrix
// CHECK: pim.kernel {{.*}} resident [] from "dram" {{.*}}{
func.func @computed_matrix(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  %d = linalg.add ins(%w, %w : tensor<32x64xf16>, tensor<32x64xf16>) outs(%w : tensor<32x64xf16>) -> tensor<32x64xf16>
  %y = linalg.matmul ins(%x, %d : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Heads are a batch dimension; each has its own matrix.
// CHECK-LABEL: func.func @heads
// CHECK: pim.kernel {{.*}} over <h 4 batch, n 8 output, k 16 reduction>
func.func @heads(%x: tensor<4x16xf16>, %w: tensor<4x8x16xf16>) -> tensor<4x8xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<4x8xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<4x8xf16>) -> tensor<4x8xf16>
  %y = linalg.batch_matvec ins(%w, %x : tensor<4x8x16xf16>, tensor<4x16xf16>) outs(%i : tensor<4x8xf16>) -> tensor<4x8xf16>
  func.return %y : tensor<4x8xf16>
}

// Four vectors share the matrix: its rows are read once for all of them where that pays.
// CHECK-LABEL: func.func @four_rows
// CHECK: pim.kernel {{.*}} over <m 4 row, n 64 output, k 32 reduction>
func.func @four_rows(%x: tensor<4x32xf16>, %w: tensor<32x64xf16>) -> tensor<4x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<4x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<4x64xf16>) -> tensor<4x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<4x32xf16>, tensor<32x64xf16>) outs(%i : tensor<4x64xf16>) -> tensor<4x64xf16>
  func.return %y : tensor<4x64xf16>
}

// The operand with fewer rows of its own is the vector, whichever stands first.
// CHECK-LABEL: func.func @columns_share
// CHECK: pim.kernel {{.*}} over <n 64 output, m 2 row, k 32 reduction>
// CHECK-SAME: ins(%x, %w : tensor<32x2xf16>, tensor<64x32xf16>) resident [1]
func.func @columns_share(%w: tensor<64x32xf16>, %x: tensor<32x2xf16>) -> tensor<64x2xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<64x2xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<64x2xf16>) -> tensor<64x2xf16>
  %y = linalg.matmul ins(%w, %x : tensor<64x32xf16>, tensor<32x2xf16>) outs(%i : tensor<64x2xf16>) -> tensor<64x2xf16>
  func.return %y : tensor<64x2xf16>
}

// Not offloaded: so many vectors that the host may as well read the matrix.
// CHECK-LABEL: func.func @many_rows
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @many_rows(%x: tensor<17x32xf16>, %w: tensor<32x64xf16>) -> tensor<17x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<17x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<17x64xf16>) -> tensor<17x64xf16>
  // expected-remark@+1 {{contraction stays on the host: it multiplies matrices (M = 17); M up to 16 is offloaded}}
  %y = linalg.matmul ins(%x, %w : tensor<17x32xf16>, tensor<32x64xf16>) outs(%i : tensor<17x64xf16>) -> tensor<17x64xf16>
  func.return %y : tensor<17x64xf16>
}

// Not offloaded: the sum does not start from zero.
// CHECK-LABEL: func.func @starts_from_one
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @starts_from_one(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 1.0 : f16
  %e = tensor.empty() : tensor<1x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  // expected-remark@+1 {{contraction stays on the host: it adds to a value that is not zero}}
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Not offloaded: nobody knows where the sum starts from.
// CHECK-LABEL: func.func @starts_from_argument
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @starts_from_argument(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>, %i: tensor<1x64xf16>) -> tensor<1x64xf16> {
  // expected-remark@+1 {{contraction stays on the host: it adds to a value that is not zero}}
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Not offloaded without leave: rounding f32 operands changes the numbers. With leave they are
// rounded before the kernel, and its result is extended after it.
// CHECK-LABEL: func.func @wide
// CHECK-NOT: pim.kernel
// CHECK: func.return
// NARROW-LABEL: func.func @wide
// NARROW: arith.truncf
// NARROW: arith.truncf
// NARROW: pim.kernel {{.*}} : tensor<1x32xf16>, tensor<32x64xf16>)
// NARROW: } : tensor<1x64xf16>
// NARROW: arith.extf
func.func @wide(%x: tensor<1x32xf32>, %w: tensor<32x64xf32>) -> tensor<1x64xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64xf32>
  %i = linalg.fill ins(%c : f32) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
  // expected-remark@+1 {{contraction stays on the host: its operands are f32, and the units of device "attacc" take f16; narrow-to=f16 allows it}}
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf32>, tensor<32x64xf32>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}

// Not offloaded even with leave: doubles are not f32.
// CHECK-LABEL: func.func @double
// CHECK-NOT: pim.kernel
// NARROW-LABEL: func.func @double
// NARROW-NOT: pim.kernel
// NARROW: func.return
func.func @double(%x: tensor<1x32xf64>, %w: tensor<32x64xf64>) -> tensor<1x64xf64> {
  %c = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<1x64xf64>
  %i = linalg.fill ins(%c : f64) outs(%e : tensor<1x64xf64>) -> tensor<1x64xf64>
  // expected-remark@+1 {{contraction stays on the host: its operands are f64, and the units of device "attacc" take f16}}
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf64>, tensor<32x64xf64>) outs(%i : tensor<1x64xf64>) -> tensor<1x64xf64>
  func.return %y : tensor<1x64xf64>
}

// Not offloaded: the sum in f32 is wanted unrounded.
// CHECK-LABEL: func.func @unrounded
// CHECK-NOT: pim.kernel
// NARROW-LABEL: func.func @unrounded
// NARROW: pim.kernel
// NARROW: arith.extf
func.func @unrounded(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64xf32>
  %i = linalg.fill ins(%c : f32) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
  // expected-remark@+1 {{contraction stays on the host: its f32 result is used unrounded, and device "attacc" gives f16; narrow-to=f16 allows it}}
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}

// Offloaded: all that is done with the sum in f32 is to round it, so the kernel rounds.
// CHECK-LABEL: func.func @rounded
// CHECK: %y = pim.kernel {{.*}} {
// CHECK: } : tensor<1x64xf16>
// CHECK-NOT: arith.truncf
// CHECK: func.return
func.func @rounded(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64xf32>
  %i = linalg.fill ins(%c : f32) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  %f = tensor.empty() : tensor<1x64xf16>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<1x64xf32>) outs(%f : tensor<1x64xf16>) {
  ^bb0(%a: f32, %b: f16):
    %t = arith.truncf %a : f32 to f16
    linalg.yield %t : f16
  } -> tensor<1x64xf16>
  func.return %r : tensor<1x64xf16>
}

// Not offloaded: nothing to compute.
// CHECK-LABEL: func.func @empty
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @empty(%x: tensor<1x0xf16>, %w: tensor<0x64xf16>) -> tensor<1x64xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<1x64xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  // expected-remark@+1 {{contraction stays on the host: it has nothing to compute: a dimension has size 0}}
  %y = linalg.matmul ins(%x, %w : tensor<1x0xf16>, tensor<0x64xf16>) outs(%i : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}

// Not offloaded: a sum that goes on from what nobody knows.
// CHECK-LABEL: func.func @sum
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @sum(%x: tensor<4x8xf16>, %o: tensor<4xf16>) -> tensor<4xf16> {
  // expected-remark@+1 {{reduction stays on the host: it adds to a value that is not zero}}
  %r = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf16>) outs(%o : tensor<4xf16>) dimensions = [1]
  func.return %r : tensor<4xf16>
}

// A sum is a contraction of the data, streamed, with ones that the host holds: as many as a column
// has lanes, where these divide what is summed.
// CHECK-LABEL: func.func @sum_of_argument
// CHECK: [[W:%.*]] = tensor.expand_shape %x {{.*}} : tensor<3x1024xf16> into tensor<3x64x16xf16>
// CHECK: [[ONES:%.*]] = arith.constant dense<1.000000e+00> : tensor<16xf16>
// CHECK: pim.kernel "sum{{[0-9]+}}" {{.*}} over <n 3 output, k0 64 reduction, k1 16 reduction>
// CHECK-SAME: ins([[ONES]], [[W]] : {{.*}}) resident [] from "dram" held [0]
func.func @sum_of_argument(%x: tensor<3x1024xf16>) -> tensor<3xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<3xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<3xf16>) -> tensor<3xf16>
  %y = linalg.reduce ins(%x : tensor<3x1024xf16>) outs(%i : tensor<3xf16>) dimensions = [1]
    (%a: f16, %acc: f16) {
      %s = arith.addf %acc, %a : f16
      linalg.yield %s : f16
    }
  func.return %y : tensor<3xf16>
}

// Else as many as the data have, with zeros for the padding.
// CHECK-LABEL: func.func @odd_sum
// CHECK: arith.constant dense<1.000000e+00> : tensor<37xf16>
// CHECK: pim.kernel {{.*}} over <n 3 output, k 37 reduction>
func.func @odd_sum(%x: tensor<3x37xf16>) -> tensor<3xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<3xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<3xf16>) -> tensor<3xf16>
  %y = linalg.reduce ins(%x : tensor<3x37xf16>) outs(%i : tensor<3xf16>) dimensions = [1]
    (%a: f16, %acc: f16) {
      %s = arith.addf %acc, %a : f16
      linalg.yield %s : f16
    }
  func.return %y : tensor<3xf16>
}

// Not offloaded: multiplications give no maximum.
// CHECK-LABEL: func.func @maximum
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @maximum(%x: tensor<3x64xf16>) -> tensor<3xf16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<3xf16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<3xf16>) -> tensor<3xf16>
  // expected-remark@+1 {{reduction stays on the host: it needs a unit that takes the maximum}}
  %y = linalg.reduce ins(%x : tensor<3x64xf16>) outs(%i : tensor<3xf16>) dimensions = [1]
    (%a: f16, %acc: f16) {
      %s = arith.maximumf %acc, %a : f16
      linalg.yield %s : f16
    }
  func.return %y : tensor<3xf16>
}

// Not offloaded: what the host computes it adds up itself.
// CHECK-LABEL: func.func @sum_of_computed
// CHECK-NOT: pim.kernel
// CHECK: func.return
func.func @sum_of_computed(%x: tensor<64xf16>) -> tensor<f16> {
  %c = arith.constant 0.0 : f16
  %e = tensor.empty() : tensor<f16>
  %i = linalg.fill ins(%c : f16) outs(%e : tensor<f16>) -> tensor<f16>
  %d = linalg.add ins(%x, %x : tensor<64xf16>, tensor<64xf16>) outs(%x : tensor<64xf16>) -> tensor<64xf16>
  // expected-remark@+1 {{reduction stays on the host: its operand is with the host, which has computed it}}
  %y = linalg.reduce ins(%d : tensor<64xf16>) outs(%i : tensor<f16>) dimensions = [0]
    (%a: f16, %acc: f16) {
      %s = arith.addf %acc, %a : f16
      linalg.yield %s : f16
    }
  func.return %y : tensor<f16>
}
