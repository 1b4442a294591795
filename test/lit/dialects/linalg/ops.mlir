// RUN: pim-opt %s | pim-opt | filecheck %s
// RUN: pim-opt %s --mlir-print-op-generic | pim-opt | filecheck %s

// A generic with several results, as torch-mlir writes a maximum with its index.
// CHECK-LABEL: func.func @several_results
// CHECK: %m, %n = linalg.generic
// CHECK: linalg.yield %b, %c : f32, i64
// CHECK-NEXT: } -> (tensor<4xf32>, tensor<4xi64>)
func.func @several_results(%x: tensor<4x8xf32>, %o: tensor<4xf32>, %i: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xi64>) {
  %m, %n = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%o, %i : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%a: f32, %b: f32, %c: i64):
    linalg.yield %b, %c : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  func.return %m, %n : tensor<4xf32>, tensor<4xi64>
}

// The same, its results under one name.
// CHECK-LABEL: func.func @results_of_one_name
// CHECK: } -> (tensor<4xf32>, tensor<4xf32>)
// CHECK-NEXT: func.return %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xf32>
func.func @results_of_one_name(%x: tensor<4xf32>, %o: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %m:2 = linalg.generic {
      indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%o, %o : tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    linalg.yield %a, %a : f32, f32
  } -> (tensor<4xf32>, tensor<4xf32>)
  func.return %m#0, %m#1 : tensor<4xf32>, tensor<4xf32>
}

// A generic without inputs, with its documentation and with attributes that nobody knows.
// CHECK-LABEL: func.func @no_inputs
// CHECK: linalg.generic {{{.*}}doc = "fills"} outs(%o : tensor<4xf32>) attrs = {{.*}}{mark = 1 : i32} {
// CHECK: } -> tensor<4xf32>
func.func @no_inputs(%o: tensor<4xf32>) -> tensor<4xf32> {
  %c = arith.constant 0.0 : f32
  %m = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"], doc = "fills"}
      outs(%o : tensor<4xf32>) attrs = {mark = 1 : i32} {
  ^bb0(%a: f32):
    linalg.yield %c : f32
  } -> tensor<4xf32>
  func.return %m : tensor<4xf32>
}

// Products of f16 elements summed in f32.
// CHECK-LABEL: func.func @mixed_matmul
// CHECK: linalg.matmul ins(%a, %b : tensor<4x8xf16>, tensor<8x16xf16>) outs(%c : tensor<4x16xf32>) -> tensor<4x16xf32>
func.func @mixed_matmul(%a: tensor<4x8xf16>, %b: tensor<8x16xf16>, %c: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<4x8xf16>, tensor<8x16xf16>) outs(%c : tensor<4x16xf32>) -> tensor<4x16xf32>
  func.return %r : tensor<4x16xf32>
}

// Products of bytes summed in 32 bits.
// CHECK-LABEL: func.func @integer_matmul
// CHECK: linalg.matmul ins(%a, %b : tensor<4x8xi8>, tensor<8x16xi8>) outs(%c : tensor<4x16xi32>) -> tensor<4x16xi32>
func.func @integer_matmul(%a: tensor<4x8xi8>, %b: tensor<8x16xi8>, %c: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %r = linalg.matmul ins(%a, %b : tensor<4x8xi8>, tensor<8x16xi8>) outs(%c : tensor<4x16xi32>) -> tensor<4x16xi32>
  func.return %r : tensor<4x16xi32>
}

// Products in wide types summed in narrow ones, and integers summed as floats: converted first.
// CHECK-LABEL: func.func @converting_matmuls
// CHECK: linalg.matmul ins(%a, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf16>) -> tensor<8x8xf16>
// CHECK-NEXT: linalg.matmul ins(%i, %i : tensor<8x8xi8>, tensor<8x8xi8>) outs(%c : tensor<8x8xf16>) -> tensor<8x8xf16>
// CHECK-NEXT: linalg.matmul ins(%a, %i : tensor<8x8xf32>, tensor<8x8xi8>) outs(%i : tensor<8x8xi8>) -> tensor<8x8xi8>
func.func @converting_matmuls(%a: tensor<8x8xf32>, %c: tensor<8x8xf16>, %i: tensor<8x8xi8>) {
  %0 = linalg.matmul ins(%a, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf16>) -> tensor<8x8xf16>
  %1 = linalg.matmul ins(%i, %i : tensor<8x8xi8>, tensor<8x8xi8>) outs(%c : tensor<8x8xf16>) -> tensor<8x8xf16>
  %2 = linalg.matmul ins(%a, %i : tensor<8x8xf32>, tensor<8x8xi8>) outs(%i : tensor<8x8xi8>) -> tensor<8x8xi8>
  func.return
}

// A square matmul whose second operand is transposed stays one: its maps are written.
// CHECK-LABEL: func.func @transposed_matmul
// CHECK: linalg.matmul indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>] ins(%a, %b
func.func @transposed_matmul(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %c: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %r = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  func.return %r : tensor<8x8xf32>
}

// The same for batches: each product with a transposed second operand.
// CHECK-LABEL: func.func @transposed_batch_matmul
// CHECK: linalg.batch_matmul indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>] ins(%a, %b
func.func @transposed_batch_matmul(%a: tensor<2x8x8xf32>, %b: tensor<2x8x8xf32>, %c: tensor<2x8x8xf32>) -> tensor<2x8x8xf32> {
  %r = linalg.batch_matmul
      indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%a, %b : tensor<2x8x8xf32>, tensor<2x8x8xf32>) outs(%c : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  func.return %r : tensor<2x8x8xf32>
}

// Maps that are the default's are not written.
// CHECK-LABEL: func.func @default_maps
// CHECK: linalg.matmul ins(%a, %b
func.func @default_maps(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %c: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %r = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%c : tensor<8x8xf32>) -> tensor<8x8xf32>
  func.return %r : tensor<8x8xf32>
}

// A reduction by one op, in its short form.
// CHECK-LABEL: func.func @reduce
// CHECK: linalg.reduce ins(%x:tensor<4x8xf32>) outs(%o:tensor<4xf32>) dimensions = [1]
// CHECK: arith.addf
func.func @reduce(%x: tensor<4x8xf32>, %o: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf32>) outs(%o : tensor<4xf32>) dimensions = [1]
  func.return %r : tensor<4xf32>
}

// CHECK-LABEL: func.func @contractions
func.func @contractions(
    %x: tensor<8xf32>, %w: tensor<4x8xf32>, %v: tensor<8x4xf32>, %y: tensor<4xf32>, %s: tensor<f32>,
    %xb: tensor<2x8xf32>, %wb: tensor<2x4x8xf32>, %vb: tensor<2x8x4xf32>, %yb: tensor<2x4xf32>,
    %mb: tensor<2x4x4xf32>) {
  // CHECK: linalg.batch_matmul ins(%wb, %vb : tensor<2x4x8xf32>, tensor<2x8x4xf32>) outs(%mb : tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %0 = linalg.batch_matmul ins(%wb, %vb : tensor<2x4x8xf32>, tensor<2x8x4xf32>) outs(%mb : tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  // CHECK: linalg.batch_matvec ins(%wb, %xb : tensor<2x4x8xf32>, tensor<2x8xf32>) outs(%yb : tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = linalg.batch_matvec ins(%wb, %xb : tensor<2x4x8xf32>, tensor<2x8xf32>) outs(%yb : tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: linalg.batch_vecmat ins(%xb, %vb : tensor<2x8xf32>, tensor<2x8x4xf32>) outs(%yb : tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = linalg.batch_vecmat ins(%xb, %vb : tensor<2x8xf32>, tensor<2x8x4xf32>) outs(%yb : tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: linalg.dot ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%s : tensor<f32>) -> tensor<f32>
  %3 = linalg.dot ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%s : tensor<f32>) -> tensor<f32>
  // CHECK: linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<8xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  %4 = linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<8xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  // CHECK: linalg.vecmat ins(%x, %v : tensor<8xf32>, tensor<8x4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  %5 = linalg.vecmat ins(%x, %v : tensor<8xf32>, tensor<8x4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// CHECK-LABEL: func.func @softmax
// CHECK: linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%o : tensor<4x8xf32>) -> tensor<4x8xf32>
func.func @softmax(%x: tensor<4x8xf32>, %o: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%o : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %r : tensor<4x8xf32>
}
