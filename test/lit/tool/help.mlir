// RUN: pim-opt --help | filecheck %s
// RUN: pim-opt --version | filecheck %s --check-prefix=VERSION

// Passes with their text and options, pipelines, and what comes from xDSL.
// CHECK: usage: pim-opt
// CHECK: --verify-diagnostics
// CHECK: passes:
// CHECK: layout-map-banks {{ +}}Place every operand
// CHECK: pim-outline {{ +}}Wrap the kernels that the device can run
// CHECK-NEXT: device {{ +}}str, default 'attacc'
// CHECK: pipelines:
// CHECK-NEXT: pim-compile
// CHECK: passes of xDSL:
// CHECK-NEXT: canonicalize, cse, dce
// VERSION: pim-opt {{[0-9]+\.[0-9]+\.[0-9]+}}
