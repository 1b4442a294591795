// RUN: not pimc run %t.none 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not pimc run %S 2>&1 | filecheck %s --check-prefix=FOLDER
// RUN: not pimc run %s --device atacc 2>&1 | filecheck %s --check-prefix=DEVICE
// RUN: not pimc compile %s --device none.yaml 2>&1 | filecheck %s --check-prefix=NOFILE
// RUN: not pimc devices atacc 2>&1 | filecheck %s --check-prefix=DEVICE
// RUN: not pimc run %s --schedule 'n: channel 16; k: lane 16' 2>&1 | filecheck %s --check-prefix=SHORT
// RUN: not pimc run %s --schedule 'n: channel 16, time 4; k: ba 2, lane 16; x: direct' 2>&1 | filecheck %s --check-prefix=ORDER
// RUN: not pimc run %s --schedule 'n: chanel 16, time 4; k: ba 2, lane 16; order n' 2>&1 | filecheck %s --check-prefix=LEVEL
// RUN: not pimc run %s --schedule 'n 64' 2>&1 | filecheck %s --check-prefix=SYNTAX
// RUN: not pimc run %s --narrow-to f8 2>&1 | filecheck %s --check-prefix=USAGE

// MISSING: {{^}}error: cannot read '{{.*}}.none': No such file or directory
// FOLDER: {{^}}error: cannot read '{{.*}}': Is a directory
// DEVICE: {{^}}error: unknown device 'atacc'; did you mean 'attacc'?
// NOFILE: {{^}}error: no device file 'none.yaml'

// A schedule that does not fit is told where its kernel stands.
// SHORT: errors.mlir:[[# @LINE + 13]]:3: error: schedule of kernel "gemv0": 'n' covers 16 of 64; its factors must multiply to at least 64
// SHORT-NEXT: {{^}}  %y = linalg.matmul
// SHORT-NEXT: {{^}}  ^
// SHORT-NOT: Traceback
// ORDER: error: schedule of kernel "gemv0": order lists 'n' 0 times, but it has 1 time factors
// LEVEL: error: schedule of kernel "gemv0": unknown level 'chanel' in 'chanel 16'; device "attacc" has channel, pc, ra, bg, ba
// SYNTAX: error: schedule of kernel "gemv0": 'n 64' is not a part of a schedule; expected 'NAME: ...'
// USAGE: error: argument --narrow-to: invalid choice: 'f8'

func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
