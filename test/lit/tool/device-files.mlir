// RUN: not pim-opt %s -p 'pim-outline{device=%S/inputs/malformed.yaml}' 2>&1 | filecheck %s --check-prefix=MALFORMED
// RUN: not pim-opt %s -p 'pim-outline{device=%S/inputs/negative.yaml}' 2>&1 | filecheck %s --check-prefix=NEGATIVE
// RUN: not pim-opt %s -p 'pim-outline{device=%S/inputs/unknown-field.yaml}' 2>&1 | filecheck %s --check-prefix=FIELD
// RUN: not pim-opt %s -p 'pim-outline{device=%S/inputs/unknown-base.yaml}' 2>&1 | filecheck %s --check-prefix=BASE
// RUN: not pim-opt %s -p 'pim-outline{device=%S/inputs/empty.yaml}' 2>&1 | filecheck %s --check-prefix=EMPTY
// RUN: not pimc run %s --device %S/inputs/negative.yaml 2>&1 | filecheck %s --check-prefix=NEGATIVE

// What is wrong with a device file is told at its line, which is shown.
// MALFORMED: {{^.*}}inputs/malformed.yaml:2:{{[0-9]+}}: error: malformed YAML
// MALFORMED-NEXT: levels: [1
// NEGATIVE: {{^.*}}inputs/negative.yaml:4:3: error: rows -4; expected at least 1
// NEGATIVE-NEXT: {{^}}  rows: -4
// NEGATIVE-NEXT: {{^}}  ^
// FIELD: {{^.*}}inputs/unknown-field.yaml:3:1: error: unknown field 'colour'
// BASE: {{^.*}}inputs/unknown-base.yaml:1:1: error: unknown device 'atacc'; did you mean 'attacc'?
// EMPTY: {{^.*}}inputs/empty.yaml:1:1: error: the file is empty; expected a device
func.func @empty() {
  func.return
}
