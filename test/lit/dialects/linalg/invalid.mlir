// RUN: pim-opt %s --split-input-file --verify-diagnostics

func.func @no_maps(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected indexing_maps and iterator_types for linalg.generic}}
  linalg.generic {iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  func.return
}

// -----

#id = affine_map<(d0) -> (d0)>
func.func @iterator(%x: tensor<4xf32>) {
  // expected-error@+1 {{iterator type "sideways"; expected one of parallel, reduction, window}}
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["sideways"]} ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  func.return
}

// -----

func.func @reduce_by_nothing(%x: tensor<4x8xf32>, %o: tensor<4xf32>) {
  // expected-error@+1 {{unknown op 'arith.addd' for the body of linalg.reduce}}
  %r = linalg.reduce { arith.addd } ins(%x : tensor<4x8xf32>) outs(%o : tensor<4xf32>) dimensions = [1]
  func.return
}

// -----

func.func @reduce_two(%x: tensor<4x8xf32>, %o: tensor<4xf32>) {
  // expected-error@+1 {{2 inputs and 1 outputs; linalg.reduce takes 1 and 1}}
  %r = linalg.reduce { arith.addf } ins(%x, %x : tensor<4x8xf32>, tensor<4x8xf32>) outs(%o : tensor<4xf32>) dimensions = [1]
  func.return
}

// -----

func.func @reduce_by_constant(%x: tensor<4x8xf32>, %o: tensor<4xf32>) {
  // expected-error@+1 {{arith.constant}}
  %r = linalg.reduce { arith.constant } ins(%x : tensor<4x8xf32>) outs(%o : tensor<4xf32>) dimensions = [1]
  func.return
}

// -----

func.func @softmax_dimension(%x: tensor<4x8xf32>) {
  // expected-error@+1 {{'linalg.softmax' op dimension 2 of a tensor of rank 2}}
  %r = linalg.softmax dimension(2) ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return
}

// -----

func.func @softmax_shape(%x: tensor<4x8xf32>, %o: tensor<8x4xf32>) {
  // expected-error@+1 {{'linalg.softmax' op input tensor<4x8xf32>, output tensor<8x4xf32> and result tensor<8x4xf32> differ in shape}}
  %r = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%o : tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return
}

// -----

func.func @matvec_shape(%w: tensor<4x8xf32>, %x: tensor<4xf32>) {
  // expected-error@+1 {{'linalg.matvec' op}}
  %r = linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @matvec_rank(%w: tensor<4x8xf32>, %x: tensor<4xf32>) {
  // expected-error@+1 {{'linalg.matvec' op}}
  %r = linalg.matvec ins(%w, %w : tensor<4x8xf32>, tensor<4x8xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @matmul_maps(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x4xf32>) {
  // expected-error@+1 {{'linalg.matmul' op}}
  %r = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return
}

// -----

func.func @matmul_no_maps(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x4xf32>) {
  // expected-error@+1 {{'linalg.matmul' op expected ArrayAttr attribute}}
  %r = linalg.matmul indexing_maps = 3 ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return
}

// -----

// Neither of the two types of 16 bits holds the other's values.
func.func @no_conversion(%a: tensor<4x8xbf16>, %b: tensor<8x4xbf16>, %c: tensor<4x4xf16>) {
  // expected-error@+1 {{no conversion of elements from bf16 to f16}}
  %r = linalg.matmul ins(%a, %b : tensor<4x8xbf16>, tensor<8x4xbf16>) outs(%c : tensor<4x4xf16>) -> tensor<4x4xf16>
  func.return
}

// -----

func.func @no_number(%a: tensor<4x8xindex>, %b: tensor<8x4xindex>, %c: tensor<4x4xf16>) {
  // expected-error@+1 {{no conversion of elements from index to f16}}
  %r = linalg.matmul ins(%a, %b : tensor<4x8xindex>, tensor<8x4xindex>) outs(%c : tensor<4x4xf16>) -> tensor<4x4xf16>
  func.return
}

// -----

func.func @no_operand_types(%a: tensor<4x8xf32>) {
  // expected-error@+1 {{Expected ':'}}
  %r = linalg.generic {indexing_maps = [], iterator_types = []} ins(%a) outs(%a : tensor<4x8xf32>) {
  }
  func.return
}

// -----

func.func @type_count(%a: tensor<4x8xf32>) {
  // expected-error@+1 {{expected 1 operand types but had 2}}
  %r = linalg.generic {indexing_maps = [], iterator_types = []} ins(%a, %a : tensor<4x8xf32>) outs(%a : tensor<4x8xf32>) {
  }
  func.return
}

// -----

func.func @no_output(%w: tensor<4x8xf32>, %x: tensor<8xf32>) {
  // expected-error@+1 {{2 operands; a contraction has 2 inputs and 1 output}}
  %r = linalg.matvec ins(%w, %x : tensor<4x8xf32>, tensor<8xf32>) -> tensor<4xf32>
  func.return
}
