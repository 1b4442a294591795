// RUN: pim-opt %s -p canonicalize,cse,dce | filecheck %s

#vec = affine_map<(d0, d1) -> (d1)>
#mat = affine_map<(d0, d1) -> (d0, d1)>
#res = affine_map<(d0, d1) -> (d0)>

// A kernel computes and has no effects: unused, it goes.
// CHECK-LABEL: func.func @unused_kernel
// CHECK-NEXT: func.return
func.func @unused_kernel(%x: tensor<32xf16>, %w: tensor<64x32xf16>) {
  %y = pim.kernel "g" on "attacc" over <n 64 output, k 32 reduction> maps [#vec, #mat, #res] ins(%x, %w : tensor<32xf16>, tensor<64x32xf16>) resident [1] from "dram" {
  ^bb0(%a: tensor<32xf16>, %b: tensor<64x32xf16>):
    %r = tensor.empty() : tensor<64xf16>
    pim.yield %r : tensor<64xf16>
  } : tensor<64xf16>
  func.return
}

// Commands have effects: they stay, twice the same in a row too, and so do barriers and new memory.
// To hold what is there only reads: unused, it goes.
// CHECK-LABEL: func.func @commands
// CHECK-NOT: pim.hold
// CHECK: pim.staging
// CHECK: pim.staging
// CHECK: pim.issue "RD"
// CHECK-NEXT: pim.issue "RD"
// CHECK: pim.barrier
// CHECK-NEXT: pim.barrier
func.func @commands(%x: tensor<64xf16, #layout.host>) {
  %h = pim.hold %x : tensor<64xf16, #layout.host> -> memref<64xf16>
  %s = pim.staging : memref<64xf16>
  %t = pim.staging : memref<64xf16>
  pim.spmd 4 {
  ^bb0(%i: index):
    pim.issue "RD" (%i) at affine_map<(d0) -> (d0)>
    pim.issue "RD" (%i) at affine_map<(d0) -> (d0)>
  }
  pim.barrier
  pim.barrier
  func.return
}
