// RUN: pim-opt %s | pim-opt | filecheck %s
// RUN: pim-opt %s --mlir-print-op-generic | pim-opt | filecheck %s
// RUN: pim-opt %s --mlir-print-op-generic | filecheck %s --check-prefix=GENERIC

// CHECK-LABEL: func.func @kernel
// GENERIC-LABEL: sym_name = "kernel"
func.func @kernel(%x: tensor<1x32xf16>, %w: tensor<64x32xf16>) -> tensor<64xf16> {
  // CHECK: %y = pim.kernel "gemv" on "attacc" over <n 64 output, k 32 reduction>
  // CHECK-SAME: maps [affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>]
  // CHECK-SAME: ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  // GENERIC: "pim.kernel"(%x, %w) <{label = "gemv", device = "attacc", space = #pim.space<n 64 output, k 32 reduction>
  %y = pim.kernel "gemv" on "attacc" over <n 64 output, k 32 reduction>
      maps [affine_map<(d0, d1) -> (0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>]
      ins(%x, %w : tensor<1x32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<1x32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    // CHECK: pim.yield %r : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return %y : tensor<64xf16>
}

// Everything optional is there, nothing is resident, and heads are a batch dimension.
// CHECK-LABEL: func.func @scheduled_kernel
// CHECK: pim.kernel "scores" on "attacc" over <h 4 batch, n 8 output, k 16 reduction>
// CHECK-SAME: resident [] from "host" narrowed replacing f16
// CHECK-SAME: schedule <"h: channel 4; n: time 8; k: lane 16; order n; x: multicast, double; y: sum(ba)">
func.func @scheduled_kernel(%x: tensor<4x16xf16>, %w: tensor<4x8x16xf16>) -> tensor<4x8xf16> {
  %y = pim.kernel "scores" on "attacc" over <h 4 batch, n 8 output, k 16 reduction>
      maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>]
      ins(%x, %w : tensor<4x16xf16>, tensor<4x8x16xf16>) resident [] from "host" narrowed replacing f16
      schedule <"h: channel 4; n: time 8; k: lane 16; order n; x: multicast, double; y: sum(ba)"> {
  ^bb0(%a: tensor<4x16xf16>, %b: tensor<4x8x16xf16>):
    // CHECK: %p = pim.distribute ins(%a, %b : tensor<4x16xf16>, tensor<4x8x16xf16>) {
    // CHECK: } : tensor<1x4x8xf32>
    // GENERIC: %p = "pim.distribute"(%a, %b) ({
    %p = pim.distribute ins(%a, %b : tensor<4x16xf16>, tensor<4x8x16xf16>) {
    ^bb1(%at: tensor<1x16xf16>, %bt: tensor<1x8x16xf16>):
      %t = tensor.empty() : tensor<1x8xf32>
      pim.yield %t : tensor<1x8xf32>
    } : tensor<1x4x8xf32>
    // CHECK: %r = pim.combine %p : tensor<1x4x8xf32> -> tensor<4x8xf16>
    %r = pim.combine %p : tensor<1x4x8xf32> -> tensor<4x8xf16>
    pim.yield %r : tensor<4x8xf16>
  } : tensor<4x8xf16>
  func.return %y : tensor<4x8xf16>
}

// Scores become weights, with a mask and without, all of them or up to a length.
// CHECK-LABEL: func.func @softmax
func.func @softmax(%s: tensor<4x2x64xf32>, %m: tensor<64xf16>, %n: index) {
  // CHECK: pim.softmax %s along 1 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  %w = pim.softmax %s along 1 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  // CHECK: pim.softmax %s plus %m : tensor<64xf16> by affine_map<(d0, d1) -> (d1)> along 1 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  %v = pim.softmax %s plus %m : tensor<64xf16> by affine_map<(d0, d1) -> (d1)> along 1 : i64
      : tensor<4x2x64xf32> -> tensor<2x64xf16>
  // CHECK: pim.softmax %s to %n along 1 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  %u = pim.softmax %s to %n along 1 : i64 : tensor<4x2x64xf32> -> tensor<2x64xf16>
  func.return
}

// Attention may take its number of positions.
// CHECK-LABEL: func.func @length
func.func @length(%q: tensor<4xf16>, %k: tensor<8x4xf16>, %n: index) -> tensor<4xf16> {
  // CHECK: ins(%q, %k, %k : tensor<4xf16>, tensor<8x4xf16>, tensor<8x4xf16>) length %n resident [1, 2] from "dram" {
  // GENERIC: "pim.kernel"(%q, %k, %k, %n)
  %y = pim.kernel "a" on "attacc" computing "attention: scale 1.0" over <n 8 length, d 4 key, e 4 value>
      maps [affine_map<(d0, d1, d2) -> (d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>,
            affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2)>]
      ins(%q, %k, %k : tensor<4xf16>, tensor<8x4xf16>, tensor<8x4xf16>) length %n resident [1, 2] from "dram" {
  // CHECK-NEXT: tensor<8x4xf16>, %{{.*}}: index):
  ^bb0(%a: tensor<4xf16>, %b: tensor<8x4xf16>, %c: tensor<8x4xf16>, %l: index):
    // CHECK-NEXT: pim.program ins(%{{.*}} : tensor<4xf16>) length %
    %r = pim.program ins(%a : tensor<4xf16>) length %l {
    // CHECK-NEXT: ^{{.*}}(%{{.*}}: tensor<4xf16>, %{{.*}}: index):
    ^bb1(%pa: tensor<4xf16>, %pl: index):
      pim.yield %pa : tensor<4xf16>
    } : tensor<4xf16>
    pim.yield %r : tensor<4xf16>
  } : tensor<4xf16>
  func.return %y : tensor<4xf16>
}

// Partial sums along any axes, in several tensors.
// CHECK-LABEL: func.func @combined
func.func @combined(%p: tensor<2x64x3xf16>, %q: tensor<1x64x7xf16>) -> tensor<64xf16> {
  // CHECK-NEXT: %y = pim.combine %p, %q over [0, 2] : tensor<2x64x3xf16>, tensor<1x64x7xf16> -> tensor<64xf16>
  %y = pim.combine %p, %q over [0, 2] : tensor<2x64x3xf16>, tensor<1x64x7xf16> -> tensor<64xf16>
  func.return %y : tensor<64xf16>
}

// The default ways to travel, host and one buffer, are written or left out alike.
// CHECK-LABEL: func.func @schedules
// CHECK-SAME: a = #pim.schedule<"n: time 8; order n; x: direct; y: host">
// CHECK-SAME: b = #pim.schedule<"n: pc*ra*bg 16, time 8; order n n; x: direct; y: host">
// CHECK-SAME: c = #pim.schedule<"x: direct; y: host">
func.func @schedules() attributes {
    a = #pim.schedule<"n: time 8; order n; x: direct, single; y: host">,
    b = #pim.schedule<"  n : pc*ra*bg 16 , time 8;;order n n;">,
    c = #pim.schedule<"">} {
  func.return
}

!placed = tensor<64xf16, #layout.placement<bank, [channel 4, local 16]>>
!held = tensor<64xf16, #layout.host>

// CHECK-LABEL: func.func @program
// GENERIC-LABEL: sym_name = "program"
func.func @program(%x: !held, %w: !placed) -> !placed {
  // CHECK: %y = pim.program ins(%x, %w : tensor<64xf16, #layout.host>, tensor<64xf16, #layout.placement<bank, [channel 4, local 16]>>) {
  // GENERIC: %y = "pim.program"(%x, %w) <{operandSegmentSizes = array<i32: 2, 0>}> ({
  %y = pim.program ins(%x, %w : !held, !placed) {
  ^bb0(%xa: !held, %wa: !placed):
    // CHECK: %h = pim.hold %xa : tensor<64xf16, #layout.host> -> memref<64xf16>
    %h = pim.hold %xa : !held -> memref<64xf16>
    // CHECK-NEXT: %p = pim.staging : memref<2x64xf16>
    %p = pim.staging : memref<2x64xf16>
    // CHECK-NEXT: %s = pim.staging : memref<64xf16>
    %s = pim.staging : memref<64xf16>
    // CHECK-NEXT: %o = pim.staging of 1.000000e+00 : f64 : memref<16xf16>
    %o = pim.staging of 1.000000e+00 : f64 : memref<16xf16>
    // CHECK-NEXT: %t = pim.staging : memref<2x3xf16>
    %t = pim.staging : memref<2x3xf16>
    // CHECK-NEXT: %u = pim.staging : memref<2xf16>
    %u = pim.staging : memref<2xf16>
    // CHECK-NEXT: pim.spmd 4 {
    // GENERIC: "pim.spmd"() <{count = 4 : i64}> ({
    pim.spmd 4 {
    // CHECK-NEXT: (%ch: index):
    ^bb1(%ch: index):
      // CHECK-NEXT: pim.issue "SETM"() at affine_map<() -> (0)>
      pim.issue "SETM" () at affine_map<() -> (0)>
      // CHECK-NEXT: pim.repeat 8 {
      pim.repeat 8 {
      ^bb2(%i: index):
        // CHECK: pim.issue "MACAB"(%ch, %i) at affine_map<(d0, d1) -> (0, d1)> using affine_map<(d0, d1) -> (d1, 0)>
        pim.issue "MACAB" (%ch, %i) at affine_map<(d0, d1) -> (0, d1)> using affine_map<(d0, d1) -> (d1, 0)>
        // CHECK-NEXT: pim.when affine_map<(d0, d1) -> (((d0 * -3) + 39))>(%ch, %i) {
        pim.when affine_map<(d0, d1) -> (39 - d0 * 3)> (%ch, %i) {
          // CHECK-NEXT: pim.issue "RD"(%ch, %i) at affine_map<(d0, d1) -> (0, d1)> moves %p : memref<2x64xf16> by affine_map<(d0, d1, d2) -> (0, ((d0 * 16) + d2))> lanes 16
          // GENERIC: "pim.issue"(%ch, %i, %p) <{command = "RD", address = affine_map<(d0, d1) -> (0, d1)>
          pim.issue "RD" (%ch, %i) at affine_map<(d0, d1) -> (0, d1)>
              moves %p : memref<2x64xf16> by affine_map<(d0, d1, d2) -> (0, d0 * 16 + d2)> lanes 16
        }
      }
    }
    // CHECK: pim.barrier
    pim.barrier
    // CHECK-NEXT: pim.host_combine %p into %s : memref<2x64xf16> into memref<64xf16>
    pim.host_combine %p into %s : memref<2x64xf16> into memref<64xf16>
    // CHECK-NEXT: pim.host_combine %t, %p over [1] into %u : memref<2x3xf16>, memref<2x64xf16> into memref<2xf16>
    pim.host_combine %t, %p over [1] into %u : memref<2x3xf16>, memref<2x64xf16> into memref<2xf16>
    // CHECK-NEXT: pim.host_arrange %s into %p by affine_map<(d0, d1) -> (d1)> : memref<64xf16> into memref<2x64xf16>
    pim.host_arrange %s into %p by affine_map<(d0, d1) -> (d1)> : memref<64xf16> into memref<2x64xf16>
    // CHECK-NEXT: %c = pim.collect : tensor<64xf16, #layout.placement<bank, [channel 4, local 16]>>
    %c = pim.collect : !placed
    // CHECK-NEXT: %d = pim.collect from %s of memref<64xf16> : tensor<64xf16, #layout.host>
    %d = pim.collect from %s of memref<64xf16> : tensor<64xf16, #layout.host>
    pim.yield %c : !placed
  } : !placed
  func.return %y : !placed
}

// The host broadcasts and transposes operands.
// CHECK-LABEL: func.func @arranged
func.func @arranged(%x: tensor<3x8xf16>) -> tensor<8x2x3xf16> {
  // CHECK: %y = pim.arrange %x by affine_map<(d0, d1, d2) -> (d2, d0)> : tensor<3x8xf16> -> tensor<8x2x3xf16>
  // GENERIC: "pim.arrange"(%x) <{by = affine_map<(d0, d1, d2) -> (d2, d0)>}>
  %y = pim.arrange %x by affine_map<(i, j, k) -> (k, i)> : tensor<3x8xf16> -> tensor<8x2x3xf16>
  func.return %y : tensor<8x2x3xf16>
}
