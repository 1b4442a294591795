// RUN: not pimc bench 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not pimc bench papers 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not pimc bench paper --figure 8 2>&1 | filecheck %s --check-prefix=FIGURE
// RUN: not pimc bench paper --device atacc 2>&1 | filecheck %s --check-prefix=DEVICE
// RUN: not pimc bench paper --figure 6 --device attacc 2>&1 | filecheck %s --check-prefix=OTHER
// RUN: not pimc bench paper --kind gemm 2>&1 | filecheck %s --check-prefix=KIND
// RUN: not pimc bench paper --device attacc --kind va 2>&1 | filecheck %s --check-prefix=EMPTY
// RUN: not pimc bench paper --host h20 2>&1 | filecheck %s --check-prefix=HOST
// RUN: not pimc bench paper --measured %t.none 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not pimc bench paper --measured %s 2>&1 | filecheck %s --check-prefix=HEADER
// RUN: not pimc bench llm --rules fair 2>&1 | filecheck %s --check-prefix=RULES
// RUN: not pimc bench llm --device atacc 2>&1 | filecheck %s --check-prefix=STACK
// RUN: not pimc bench llm --host %s.yaml 2>&1 | filecheck %s --check-prefix=GPU
// RUN: not pimc bench llm --without launch 2>&1 | filecheck %s --check-prefix=WITHOUT
// RUN: not pimc bench llm --rules paper --without head 2>&1 | filecheck %s --check-prefix=PAPER

// NONE: error: the following arguments are required: BENCH
// UNKNOWN: error: argument BENCH: invalid choice: 'papers'
// FIGURE: error: argument --figure: invalid choice: '8'
// DEVICE: error: device 'atacc' is not in the figure; it has hbm-pim-ref, hbm-pim, attacc-ref, attacc
// OTHER: error: device 'attacc' is not in the figure; it has hbm-pim-ref, hbm-pim
// KIND: error: kind 'gemm' is not in the figure; it has gemv, red, va, relu, attention
// EMPTY: error: no device of these runs a kernel of these kinds in the figure
// HOST: error: unknown host 'h20'; did you mean 'h200'?
// MISSING: error: {{.*}}.none
// HEADER: {{.*}}bench-errors.mlir:1: error: expected the header kind,shape,us
// RULES: error: argument --rules: invalid choice: 'fair'
// STACK: error: unknown device 'atacc'; did you mean 'attacc'?
// GPU: error: no host file '{{.*}}bench-errors.mlir.yaml'
// WITHOUT: error: unknown correction 'launch'; known are split_attention, head,
// PAPER: error: --without leaves out a correction; the published rules have none
