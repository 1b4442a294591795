// RUN: odd-inputs %t
// RUN: not pim-opt %t/regions.mlir 2>&1 | filecheck %s --check-prefix=REGIONS
// RUN: not pim-opt %t/attribute.mlir 2>&1 | filecheck %s --check-prefix=ATTRIBUTE
// RUN: not pim-opt %t/type.mlir 2>&1 | filecheck %s --check-prefix=DEEP
// RUN: not pim-opt %t/location.mlir 2>&1 | filecheck %s --check-prefix=DEEP
// RUN: not pim-opt %t/parentheses.mlir 2>&1 | filecheck %s --check-prefix=DEEP
// RUN: not pim-opt %t/sum.mlir 2>&1 | filecheck %s --check-prefix=DEEP
// RUN: not pim-opt %t/pipeline.mlir -p "%{readfile:%t/pipeline.txt}" 2>&1 | filecheck %s --check-prefix=DEEP
// RUN: pim-opt %t/chain.mlir -p canonicalize,cse | filecheck %s --check-prefix=CHAIN
// RUN: pim-opt %t/dense.mlir | filecheck %s --check-prefix=DENSE
// RUN: pim-opt %t/empty.mlir | filecheck %s --check-prefix=EMPTY
// RUN: pim-opt %t/comment.mlir | filecheck %s --check-prefix=EMPTY
// RUN: pim-opt %t/crlf.mlir | filecheck %s --check-prefix=CRLF
// RUN: not pim-opt %t/binary.mlir 2>&1 | filecheck %s --check-prefix=BINARY
// RUN: not pim-opt < %t/binary.mlir 2>&1 | filecheck %s --check-prefix=STDIN
// RUN: not pim-opt %t/string.mlir 2>&1 | filecheck %s --check-prefix=STRING
// RUN: not pim-opt %t/nul.mlir 2>&1 | filecheck %s --check-prefix=NUL

// Input that is nested too deep ends in an error at the place where it becomes too deep.
// REGIONS-NOT: Traceback
// REGIONS: regions.mlir:{{[0-9]+}}:{{[0-9]+}}: error: nested too deep
// REGIONS-NEXT: {{^}}"builtin.module"() ({
// REGIONS-NOT: Traceback

// Of a long line only what is near the place is shown.
// ATTRIBUTE: attribute.mlir:1:{{[0-9]+}}: error: nested too deep
// ATTRIBUTE-NEXT: {{^\.\.\.\[{120}\[{120}\.\.\.$}}

// DEEP-NOT: Traceback
// DEEP: error: nested too deep
// DEEP-NOT: Traceback

// Long is not deep.
// CHAIN: func.func @chain
// DENSE: dense
// DENSE: tensor<1250000xf32>

// Text without ops is an empty module.
// EMPTY: builtin.module {
// EMPTY-NEXT: }

// CRLF: func.func @crlf
// BINARY: error: '{{.*}}binary.mlir' is not UTF-8 text: invalid start byte at byte 128
// STDIN: error: standard input is not UTF-8 text: invalid start byte at byte 128
// STRING: string.mlir:1:24: error: End of file reached before closing string literal.
// NUL: nul.mlir:1:17: error:
