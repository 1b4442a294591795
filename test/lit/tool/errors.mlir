// RUN: not pim-opt %s -p pim-outlin 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not pim-opt %s -p 'pim-outline{devise=attacc}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not pim-opt %s -p 'pim-outline{device=atacc}' 2>&1 | filecheck %s --check-prefix=DEVICE

// PASS: error: unknown pass 'pim-outlin'; did you mean 'pim-outline'?
// OPTION: pass 'pim-outline' has no option 'devise'; did you mean 'device'?
// DEVICE: unknown device 'atacc'; did you mean 'attacc'?

func.func @empty() {
  func.return
}
