// RUN: pimc run %S/../passes/pim-length-argument.mlir -O1 --length 40,1 --length 17 | filecheck %s
// RUN: pimc run %S/../passes/pim-length-argument.mlir -O1 --length 17 --json | filecheck %s --check-prefix=JSON
// RUN: not pimc run %S/../passes/pim-length-argument.mlir -O1 --length 0 2>&1 | filecheck %s --check-prefix=ZERO
// RUN: not pimc run %S/../passes/pim-length-argument.mlir -O1 --length 41 2>&1 | filecheck %s --check-prefix=MORE
// RUN: not pimc run %S/run.mlir -O1 --length 4 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not pimc run %S/run.mlir --length 1,two 2>&1 | filecheck %s --check-prefix=NUMBER
// RUN: pimc compile %S/../passes/pim-length-argument.mlir -O1 --variable-length -o %t.mlir
// RUN: pimc simulate %t.mlir --length 17 --length 40 | filecheck %s --check-prefix=TIMED
// RUN: not pimc simulate %t.mlir 2>&1 | filecheck %s --check-prefix=NOT-GIVEN
// RUN: not pimc simulate %t.mlir --length 17,40 --timeline %t.json 2>&1 | filecheck %s --check-prefix=TIMELINE
// RUN: pim-opt %t.mlir -t pim-trace --length 17 | filecheck %s --check-prefix=TRACE
// RUN: not pim-opt %t.mlir -t pim-trace 2>&1 | filecheck %s --check-prefix=NOT-GIVEN
// RUN: not pim-opt %t.mlir -t pim-trace --length 41 2>&1 | filecheck %s --check-prefix=KERNEL
// RUN: pimc tune attention --shape 1,2,8,64 --length 64,5 --schedule baseline --no-records --json | filecheck %s --check-prefix=TUNED

// One program runs for every length, and each call is compared with the host's numbers.
// CHECK: 1 kernel offloaded to attacc
// CHECK: attention0: attention h 2, n 40, d 8, e 8
// CHECK: time {{ *}}length 40: {{[0-9,]+}} cycles = {{.*}} us, predicted {{[0-9,]+}}
// CHECK: results agree with the host's
// CHECK-NEXT: attention0: length 1: {{[0-9,]+}} cycles = {{.*}} us, predicted {{[0-9,]+}}
// CHECK-NEXT: results agree with the host's
// CHECK-NEXT: attention0: length 17:
// CHECK-NEXT: results agree with the host's
// JSON: "length": 17, "predicted_cycles": {{[0-9]+}}

// ZERO: pim-length-argument.mlir:28:1: error: length 0; 'decode' takes 1 to 40 positions
// MORE: pim-length-argument.mlir:28:1: error: length 41; 'decode' takes 1 to 40 positions
// NONE: run.mlir:19:1: error: nothing takes a length: there is no attention
// NUMBER: error: argument --length: '1,two' is not a list of numbers N,..

// TIMED: at length 17 on attacc
// TIMED-NEXT: cycles
// TIMED: at length 40 on attacc
// NOT-GIVEN: error: kernel 'attention0' takes a length of 1 to 40; none is given
// TIMELINE: error: --timeline shows one file; given are 2 lengths
// TRACE: PIM_SFM
// KERNEL: error: length 41; kernel 'attention0' takes 1 to 40 positions
// TUNED: "lengths": [{"length": 64, "predicted_cycles": {{[0-9.]+}}, "simulated_cycles": {{[0-9]+}}}, {"length": 5,
