// RUN: not pimc tune gemmm --shape 1,2 2>&1 | filecheck %s --check-prefix=KIND
// RUN: not pimc tune gemv 2>&1 | filecheck %s --check-prefix=SHAPELESS
// RUN: not pimc tune gemv --shape 1,2,3 2>&1 | filecheck %s --check-prefix=SIZES
// RUN: not pimc tune gemv --shape 1,2,3,0 2>&1 | filecheck %s --check-prefix=ZERO
// RUN: not pimc tune gemv --shape 1,a 2>&1 | filecheck %s --check-prefix=NUMBERS
// RUN: not pimc tune gemv --shape 1,1,64,64 --top-k 0 2>&1 | filecheck %s --check-prefix=TOPK
// RUN: not pimc tune gemv --shape 1,1,64,64 --device atacc 2>&1 | filecheck %s --check-prefix=DEVICE
// RUN: not pimc tune gemv --shape 1,1,64,64 --schedule 'n 64' 2>&1 | filecheck %s --check-prefix=SCHEDULE
// RUN: not pimc tune %t.none 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not pimc tune %s 2>&1 | filecheck %s --check-prefix=NOTHING
// RUN: not pimc tune-db show %t.none 2>&1 | filecheck %s --check-prefix=DB
// RUN: not pimc tune gemv --shape 1,1,64,64 --schedule baseline --no-records --trace %S 2>&1 | filecheck %s --check-prefix=TRACE
// RUN: not pimc tune attention --shape 1,2,8,64 --length 65 --no-records 2>&1 | filecheck %s --check-prefix=LENGTH
// RUN: not pimc tune gemv --shape 1,1,64,64 --length 5 --no-records 2>&1 | filecheck %s --check-prefix=NO-LENGTH

// KIND: error: unknown kind 'gemmm'; known are attention, gemm, gemv, gemv-w8, gqa, masked-attention, red
// SHAPELESS: error: kernel kind 'gemv' needs a shape: --shape batch,heads,k,n
// SIZES: error: shape 1,2,3 has 3 sizes; gemv takes batch,heads,k,n
// ZERO: error: n is 0; expected at least 1
// NUMBERS: error: argument --shape: '1,a' is not a list of numbers A,B,..
// TOPK: error: argument --top-k: '0' is not a number of at least 1
// DEVICE: error: unknown device 'atacc'; did you mean 'attacc'?
// SCHEDULE: error: schedule of kernel "gemv0": 'n 64' is not a part of a schedule; expected 'NAME: ...'
// MISSING: error: cannot read '{{.*}}.none': No such file or directory
// NOTHING: error: nothing to tune: no kernel of the module can be offloaded
// DB: error: cannot read '{{.*}}.none': No such file or directory
// LENGTH: error: length 65; kernel 'attention0' takes 1 to 64 positions
// NO-LENGTH: error: nothing takes a length: there is no attention
// TRACE: error: cannot write '{{.*}}': Is a directory
func.func @wide(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
