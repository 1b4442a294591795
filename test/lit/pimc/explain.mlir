// RUN: pimc explain gemv --shape 1,2,64,64 --device attacc-ref --top-k 3 | filecheck %s
// RUN: pimc explain gemv --shape 1,2,64,64 --schedule baseline --json | filecheck %s --check-prefix=JSON

// CHECK: gemv0: gemv batch 1, heads 2, k 64, n 64 on attacc-ref
// CHECK-NEXT: schedule
// CHECK-NEXT: simulated  {{[0-9,]+}} cycles
// CHECK-NEXT: predicted  {{[0-9,]+}} cycles
// CHECK-NEXT: model {{ *}}simulator
// CHECK: bottleneck {{.*}} ({{[0-9]+}}% of the time)
// CHECK-NEXT: bound      {{[0-9]+}} cycles = multiplications {{[0-9]+}} + row switches {{[0-9]+}} + refresh {{[0-9]+}}; the schedule takes {{[0-9.]+}} times as long
// CHECK: one decision changed, predicted
// CHECK-NEXT: {{[+-][0-9]+}} cycles:
// CHECK-NEXT: {{(host_read|load|multiply|rows|move|host_write|refresh) [+-][0-9]+}}
// CHECK: assumed
// CHECK-NEXT: operand: 512 bytes a bank in two halves

// JSON: "bottleneck": "{{.*}}", "bound": {"multiply": {{[0-9.]+}}, "rows": {{[0-9.]+}}, "refresh": {{[0-9.]+}}}
// JSON-SAME: "neighbours": [{"what":
