// RUN: pim-opt %s --split-input-file --verify-diagnostics

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
// A contraction has a vector, a matrix and a result.
func.func @operands(%x: tensor<32xf16>) {
  // expected-error@+1 {{'pim.kernel' op 1 inputs, 1 results and 3 indexing maps; expected one result, and a map for each}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x : tensor<32xf16>) resident [] from "dram" {
  ^bb0(%a: tensor<32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @uncovered(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op schedule: 'n' covers 2 of 64; its factors must multiply to at least 64}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: ba 2"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @unknown_dimension(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op schedule: unknown dimension 'm'; the kernel has n, k}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"m: ba 2"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @no_lanes(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{schedule: 0 lane factors; exactly one dimension runs along the lanes}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: time 64; k: time 32; order n k"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @lane_not_last(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{schedule: the lane factor of 'k' is not its last}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: time 64; k: lane 16, time 2; order n k"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @order_misses(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{schedule: order lists 'k' 0 times, but it has 1 time factors}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: time 64; k: time 2, lane 16; order n"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @order_unknown(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{schedule: order lists 'm', which is not a dimension}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: time 64; k: time 2, lane 16; order n k m"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1 + 1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @shifted_map(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op indexing map result (d1 + 1); expected a dimension or 0}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1, d2) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @map_rank(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{indexing map (d0, d1, d2) -> (d1) takes 3 dimensions and 0 symbols, expected 2 and 0}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

// The vector of a contraction has no output dimension.
#vec = affine_map<(d0, d1) -> (d0)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @roles(%x: tensor<64xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op vector has dimensions [0], expected []}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<64xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<64xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d1, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @diagonal(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op access (1, 1) uses a dimension twice}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @names(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op dimension names ['n', 'n'] are not distinct}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, n 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @empty_dimension(%x: tensor<0xf16>, %w: tensor<64x0xf16>) {
  // expected-error@+1 {{'pim.kernel' op dimension 'k' has size 0, expected at least 1}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 0 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<0xf16>, tensor<64x0xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<0xf16>, %b: tensor<64x0xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @shape(%x: tensor<16xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op input 0 has shape [16], but the space and its map give [32]}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<16xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<16xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @resident(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op resident operand 2, but operands are 0 to 1}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [2] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @origin(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op inputs come from "disk"; expected one of dram, host}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "disk" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @arguments(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op region takes (tensor<64x32xf16>), expected (tensor<32xf16>, tensor<64x32xf16>)}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @results(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op pim.yield gives (tensor<64xf32>), but 'pim.kernel' has results (tensor<64xf16>)}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf32>
    pim.yield %r : tensor<64xf32>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @terminator(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  // expected-error@+1 {{'pim.kernel' op region must end in pim.yield}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    "test.termop"() : () -> ()
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @unscheduled(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    // expected-error@+1 {{'pim.distribute' op the surrounding kernel has no schedule to distribute by}}
    %p = pim.distribute ins(%a, %b : tensor<32xf16>, tensor<64x32xf16>) {
    ^bb1(%at: tensor<16xf16>, %bt: tensor<4x16xf16>):
      %t = tensor.empty() : tensor<4xf32>
      pim.yield %t : tensor<4xf32>
    } : tensor<2x64xf32>
    %r = pim.combine %p : tensor<2x64xf32> -> tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @distribution_terminator(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" schedule <"n: channel 16, time 4; k: time 2, lane 16; order n k"> {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    // expected-error@+1 {{'pim.distribute' op region must end in pim.yield}}
    %p = pim.distribute ins(%a, %b : tensor<32xf16>, tensor<64x32xf16>) {
    ^bb1(%at: tensor<32xf16>, %bt: tensor<4x32xf16>):
      "test.termop"() : () -> ()
    } : tensor<1x64xf32>
    %r = pim.combine %p : tensor<1x64xf32> -> tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

func.func @distribution_alone(%x: tensor<32xf16>) {
  // expected-error@+1 {{'pim.distribute' op expects parent op 'pim.kernel'}}
  %p = pim.distribute ins(%x : tensor<32xf16>) {
  ^bb0(%a: tensor<16xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<2x64xf32>
  func.return
}

// -----

func.func @combine(%a: tensor<4x2x64xf32>) {
  // expected-error@+1 {{'pim.combine' op partials [4, 2, 64] without their first axis are not [64]}}
  %s = pim.combine %a : tensor<4x2x64xf32> -> tensor<64xf16>
  func.return
}

// -----

func.func @softmax_partials(%s: tensor<4x2x64xf32>) {
  // expected-error@+1 {{'pim.softmax' op partials [4, 2, 64] without their first axis are not [64]}}
  %w = pim.softmax %s along 0 : i64 : tensor<4x2x64xf32> -> tensor<64xf16>
  func.return
}

// -----

func.func @softmax_axis(%s: tensor<4x2x64xf32>) {
  // expected-error@+1 {{'pim.softmax' op axis 2 of 2}}
  %w = pim.softmax %s along 2 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  func.return
}

// -----

func.func @mask_without_map(%s: tensor<4x2x64xf32>, %m: tensor<64xf16>) {
  // expected-error@+1 {{'pim.softmax' op a mask and its map go together}}
  %w = "pim.softmax"(%s, %m) <{axis = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<4x2x64xf32>, tensor<64xf16>) -> tensor<2x64xf16>
  func.return
}

// -----

func.func @mask_shape(%s: tensor<4x2x64xf32>, %m: tensor<2xf16>) {
  // expected-error@+1 {{'pim.softmax' op mask has shape [2], but its map gives [64]}}
  %w = pim.softmax %s plus %m : tensor<2xf16> by affine_map<(d0, d1) -> (d1)> along 1 : i64
      : tensor<4x2x64xf32> -> tensor<2x64xf16>
  func.return
}

// -----

func.func @mask_map(%s: tensor<4x2x64xf32>, %m: tensor<64xf16>) {
  // expected-error@+1 {{'pim.softmax' op indexing map result}}
  %w = pim.softmax %s plus %m : tensor<64xf16> by affine_map<(d0, d1) -> (d0 + d1)> along 1 : i64
      : tensor<4x2x64xf32> -> tensor<2x64xf16>
  func.return
}

// -----

func.func @combine_over(%a: tensor<4x2xf32>, %b: tensor<3x2xf32>) {
  // expected-error@+1 {{'pim.combine' op partials [3, 2] without axes [1] are not [4]}}
  %s = pim.combine %a, %b over [1] : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4xf16>
  func.return
}

// -----

func.func @program_arguments(%x: tensor<4xf16>) {
  // expected-error@+1 {{'pim.program' op region arguments and inputs differ in type}}
  %y = pim.program ins(%x : tensor<4xf16>) {
  ^bb0(%a: tensor<8xf16>):
    pim.yield %a : tensor<8xf16>
  } : tensor<8xf16>
  func.return
}

// -----

func.func @program_results(%x: tensor<4xf16>) {
  // expected-error@+1 {{'pim.program' op region must end in a pim.yield of the results' types}}
  %y = pim.program ins(%x : tensor<4xf16>) {
  ^bb0(%a: tensor<4xf16>):
    pim.yield %a : tensor<4xf16>
  } : tensor<8xf16>
  func.return
}

// -----

func.func @held_elsewhere(%a: tensor<64xf32>) {
  // expected-error@+1 {{'pim.hold' op source tensor<64xf32> is not in the host's hands (#layout.host)}}
  %s = pim.hold %a : tensor<64xf32> -> memref<64xf32>
  func.return
}

// -----

func.func @held_shape(%a: tensor<64xf32, #layout.host>) {
  // expected-error@+1 {{'pim.hold' op holds tensor<64xf32, #layout.host> in memref<32xf32>, expected memref<64xf32>}}
  %s = pim.hold %a : tensor<64xf32, #layout.host> -> memref<32xf32>
  func.return
}

// -----

func.func @collect() {
  // expected-error@+1 {{'pim.collect' op result tensor<64xf16> has no placement to lie at}}
  %t = pim.collect : tensor<64xf16>
  func.return
}

// -----

func.func @collect_from_memory() {
  %s = pim.staging : memref<64xf16>
  // expected-error@+1 {{'pim.collect' op result tensor<64xf16> has a layout other than host}}
  %t = pim.collect from %s of memref<64xf16> : tensor<64xf16>
  func.return
}

// -----

func.func @collect_shape() {
  %s = pim.staging : memref<32xf16>
  // expected-error@+1 {{'pim.collect' op collects tensor<64xf16, #layout.host> from memref<32xf16>, expected memref<64xf16>}}
  %t = pim.collect from %s of memref<32xf16> : tensor<64xf16, #layout.host>
  func.return
}

// -----

func.func @count() {
  // expected-error@+1 {{'pim.repeat' op count 0; expected at least 1}}
  pim.repeat 0 {
  ^bb0(%i: index):
  }
  func.return
}

// -----

func.func @counter() {
  // expected-error@+1 {{'pim.spmd' op region must take one index, the counter}}
  pim.spmd 4 {
  ^bb0(%i: i32):
  }
  func.return
}

// -----

func.func @no_block() {
  // expected-error@+1 {{'pim.repeat' op Region 'body' at position 0 expected a single block, but got 0 blocks}}
  pim.repeat 4 {
  }
  func.return
}

// -----

// Commands go to groups, which pim.spmd counts.
func.func @no_group(%i: index) {
  // expected-error@+1 {{'pim.issue' op expects ancestor op 'pim.spmd'}}
  pim.issue "MACAB" (%i) at affine_map<(d0) -> (d0)>
  func.return
}

// -----

func.func @address() {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op address takes 2 dimensions and 0 symbols, expected 1 and 0}}
    pim.issue "MACAB" (%i) at affine_map<(d0, d1) -> (d0)>
  }
  func.return
}

// -----

func.func @operand_map() {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op using takes 1 dimensions and 1 symbols, expected 1 and 0}}
    pim.issue "MACAB" (%i) at affine_map<(d0) -> (d0)> using affine_map<(d0)[s0] -> (s0)>
  }
  func.return
}

// -----

// The element map takes a lane after the counters.
func.func @element_map(%s : memref<64xf16>) {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op moves takes 1 dimensions and 0 symbols, expected 2 and 0}}
    pim.issue "WR" (%i) at affine_map<(d0) -> (d0)> moves %s : memref<64xf16> by affine_map<(d0) -> (d0)> lanes 16
  }
  func.return
}

// -----

func.func @element_rank(%s : memref<64xf16>) {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op element map gives 2 indices of a memory of rank 1}}
    pim.issue "WR" (%i) at affine_map<(d0) -> (d0)> moves %s : memref<64xf16> by affine_map<(d0, d1) -> (d0, d1)> lanes 16
  }
  func.return
}

// -----

func.func @moves_somehow(%s : memref<64xf16>) {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op moves data, but by no element map or without lanes}}
    "pim.issue"(%i, %s) <{command = "WR", address = affine_map<(d0) -> (d0)>, operandSegmentSizes = array<i32: 1, 1>}> : (index, memref<64xf16>) -> ()
  }
  func.return
}

// -----

func.func @moves_nothing() {
  pim.spmd 4 {
  ^bb0(%i: index):
    // expected-error@+1 {{'pim.issue' op has an element map or lanes, but moves no data}}
    "pim.issue"(%i) <{command = "WR", address = affine_map<(d0) -> (d0)>, lanes = 16 : i64, operandSegmentSizes = array<i32: 1, 0>}> : (index) -> ()
  }
  func.return
}

// -----

func.func @condition(%i: index) {
  // expected-error@+1 {{'pim.when' op condition takes 2 dimensions and 0 symbols, expected 1 and 0}}
  pim.when affine_map<(d0, d1) -> (d0)> (%i) {
    pim.barrier
  }
  func.return
}

// -----

func.func @host_combine(%p: memref<4x64xf16>, %y: memref<32xf16>) {
  // expected-error@+1 {{'pim.host_combine' op partials [4, 64] without their first axis are not [32]}}
  pim.host_combine %p into %y : memref<4x64xf16> into memref<32xf16>
  func.return
}

// -----

// expected-error@+1 {{expected a role: one of batch, row, output, reduction}}
func.func @role() attributes {s = #pim.space<n 4 sum>} { func.return }

// -----

// expected-error@+1 {{Expected integer literal}}
func.func @size() attributes {s = #pim.space<n -4 output>} { func.return }

// -----

// expected-error@+1 {{identifier expected for a dimension}}
func.func @name() attributes {s = #pim.space<4 output>} { func.return }

// -----

// expected-error@+1 {{string literal expected for a schedule}}
func.func @unquoted() attributes {s = #pim.schedule<n 4>} { func.return }

// -----

// expected-error@+1 {{'ba' is not a factor; expected 'LEVEL NUMBER' as in 'ba 4'}}
func.func @no_size() attributes {s = #pim.schedule<"n: ba">} { func.return }

// -----

// expected-error@+1 {{'x' in 'ba x' is not a positive number}}
func.func @no_number() attributes {s = #pim.schedule<"n: ba x">} { func.return }

// -----

// expected-error@+1 {{'0' in 'ba 0' is not a positive number}}
func.func @zero() attributes {s = #pim.schedule<"n: ba 0">} { func.return }

// -----

// expected-error@+1 {{'fast' is not a part of a schedule; expected 'NAME: ...'}}
func.func @no_part() attributes {s = #pim.schedule<"fast">} { func.return }

// -----

// expected-error@+1 {{': ba 4' is not a part of a schedule; expected 'NAME: ...'}}
func.func @no_name() attributes {s = #pim.schedule<": ba 4">} { func.return }

// -----

// expected-error@+1 {{'mail' after 'x:'; expected direct, multicast, single or double}}
func.func @travel() attributes {s = #pim.schedule<"x: mail">} { func.return }

// -----

// expected-error@+1 {{'sum' after 'y:'; expected sum(LEVEL) or host}}
func.func @result() attributes {s = #pim.schedule<"y: sum">} { func.return }

// -----

// expected-error@+1 {{'n' is given twice}}
func.func @twice() attributes {s = #pim.schedule<"n: ba 4; n: ba 4">} { func.return }

// -----

func.func @arranged_from_another_shape(%x: tensor<3xf16>) -> tensor<2x8xf16> {
  // expected-error@below {{source has shape [3], but (d0, d1) -> (d1) takes [8] to [2, 8]}}
  %y = pim.arrange %x by affine_map<(i, j) -> (j)> : tensor<3xf16> -> tensor<2x8xf16>
  func.return %y : tensor<2x8xf16>
}

// -----

func.func @arranged_by_sums(%x: tensor<8xf16>) -> tensor<2x8xf16> {
  // expected-error@below {{indexing map result (d0 + d1); expected a dimension or 0}}
  %y = pim.arrange %x by affine_map<(i, j) -> (i + j)> : tensor<8xf16> -> tensor<2x8xf16>
  func.return %y : tensor<2x8xf16>
}

// -----

func.func @arranged_into_another_type(%x: tensor<8xf16>) -> tensor<2x8xf32> {
  // expected-error@below {{takes f16 to f32}}
  %y = pim.arrange %x by affine_map<(i, j) -> (j)> : tensor<8xf16> -> tensor<2x8xf32>
  func.return %y : tensor<2x8xf32>
}

// -----

// Only attention has positions.
#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>
func.func @length_of_a_contraction(%x: tensor<32xf16>, %w: tensor<64x32xf16>, %n: index) {
  // expected-error@+1 {{'pim.kernel' op a kernel of class contraction takes no length}}
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) length %n resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>, %l: index):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// -----

func.func @length_that_is_not_taken(%x: tensor<8xf16>, %n: index) {
  // expected-error@+1 {{'pim.program' op region arguments and inputs differ in type}}
  %y = pim.program ins(%x : tensor<8xf16>) length %n {
  ^bb0(%a: tensor<8xf16>):
    pim.yield %a : tensor<8xf16>
  } : tensor<8xf16>
  func.return
}
