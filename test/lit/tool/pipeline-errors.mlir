// RUN: not pim-opt %s -p pim-outlin 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not pim-opt %s -p xyzzy 2>&1 | filecheck %s --check-prefix=STRANGE
// RUN: not pim-opt %s -p 'pim-outline{devise=attacc}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not pim-opt %s -p 'linalg-normalize{x=1}' 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not pim-opt %s -p 'pim-compile{devise=attacc}' 2>&1 | filecheck %s --check-prefix=NAMED
// RUN: not pim-opt %s -p 'pim-outline{narrow-to=f8}' 2>&1 | filecheck %s --check-prefix=VALUE
// RUN: not pim-opt %s -p 'pim-outline{device}' 2>&1 | filecheck %s --check-prefix=NOVALUE
// RUN: not pim-opt %s -p 'pim-outline{device=attacc device=attacc}' 2>&1 | filecheck %s --check-prefix=TWICE
// RUN: not pim-opt %s -p 'pim-outline{device=atacc}' 2>&1 | filecheck %s --check-prefix=DEVICE
// RUN: not pim-opt %s -p 'pim-outline{device=none.yaml}' 2>&1 | filecheck %s --check-prefix=NOFILE
// RUN: not pim-opt %s -p 'cse,' 2>&1 | filecheck %s --check-prefix=COMMA
// RUN: not pim-opt %s -p 'cse dce' 2>&1 | filecheck %s --check-prefix=BLANK
// RUN: not pim-opt %s -p 'builtin.module(cse' 2>&1 | filecheck %s --check-prefix=OPEN
// RUN: not pim-opt %s -p 'scf.for(cse)' 2>&1 | filecheck %s --check-prefix=ANCHOR
// RUN: not pim-opt %s -p 'cse{' 2>&1 | filecheck %s --check-prefix=BRACE
// RUN: not pim-opt %s -p "pim-outline{device='attacc}" 2>&1 | filecheck %s --check-prefix=QUOTE
// RUN: not pim-opt %s -t pim-trac 2>&1 | filecheck %s --check-prefix=TARGET

// PASS: {{^}}error: unknown pass 'pim-outlin'; did you mean 'pim-outline'?
// PASS-NEXT: {{^}}pim-outlin
// PASS-NEXT: {{^}}^
// STRANGE: error: unknown pass 'xyzzy'
// STRANGE-NOT: did you mean
// OPTION: error: pass 'pim-outline' has no option 'devise'; did you mean 'device'? (it takes device, narrow-to, inputs)
// OPTION-NEXT: {{^}}pim-outline{devise=attacc}
// OPTION-NEXT: {{^( {12})}}^
// NONE: error: pass 'linalg-normalize' has no option 'x' (it takes none)
// NAMED: error: pass 'pim-compile' has no option 'devise'; did you mean 'device'?
// VALUE: error: option 'narrow-to' of pass 'pim-outline' is 'f8'; expected one of f16, bf16
// NOVALUE: error: option 'device' of pass 'pim-outline' is no value; expected str
// TWICE: error: option 'device' is given twice
// DEVICE: {{^}}error: unknown device 'atacc'; did you mean 'attacc'?
// NOFILE: {{^}}error: no device file 'none.yaml'
// COMMA: error: expected the name of a pass, found the end
// BLANK: error: expected ',' or the end, found 'd'
// OPEN: error: expected ',' or ')'
// ANCHOR: error: 'scf.for' is no op to anchor at (builtin.module, func.func, any)
// BRACE: error: expected '}' after the options
// QUOTE: error: the quoted value does not end
// TARGET: {{^}}error: unknown target 'pim-trac'; did you mean 'pim-trace'? (known: mlir, pim-trace, aim-trace)

func.func @empty() {
  func.return
}
