// RUN: pimc tune gemv --shape 1,2,64,64 --no-records --top-k 2 | filecheck %s --check-prefix=KIND
// RUN: pimc tune %s --device attacc-ref --no-records --top-k 2 --json | filecheck %s --check-prefix=JSON
// RUN: pimc tune %s --no-records --schedule baseline | filecheck %s --check-prefix=GIVEN
// RUN: pimc tune %s --no-records --schedule 'n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host' --trace %t.trace | filecheck %s --check-prefix=TEXT
// RUN: pimc simulate %t.trace | filecheck %s --check-prefix=TRACE
// RUN: pimc tune %s --no-records --objective energy --top-k 1 --inputs host --json | filecheck %s --check-prefix=ENERGY

// A kernel by kind and shape: what was found, how good it is, and how sure that is.
// KIND: gemv0: gemv batch 1, heads 2, k 64, n 64 on attacc
// KIND-NEXT: schedule   h: {{.*}}n: {{.*}}k:
// KIND-NEXT: predicted  {{[0-9,]+}} cycles
// KIND-NEXT: simulated  {{[0-9,]+}} cycles, {{[0-9.]+}} uJ
// KIND-NEXT: bound      {{[0-9,]+}} cycles, {{[0-9]+}}% of the time
// KIND-NEXT: baseline   {{[0-9,]+}} cycles; {{[0-9.]+}}x as fast
// KIND-NEXT: search     {{[0-9,]+}} schedules priced, {{[0-9,]+}} bounds cut off the rest, {{[0-9.]+}} s; proved best under the model, then simulated

// JSON: {"kind": "contraction", "shape": {"n": 64, "k": 32}, "device": "attacc-ref", "schedule": "{{[^"]+}}", "predicted_cycles": {{[0-9.]+}}, "simulated_cycles": {{[0-9]+}}, "floor_cycles": {{[0-9]+}}, "baseline_cycles": {{[0-9]+}}, "candidates": {{[0-9]+}}, "pruned": {{[0-9]+}}, "seconds": {{[0-9.]+}}, "breakdown": {"model": {"host_read": {{.*}}}, "simulated": {"mac": {{.*}}}}
// JSON-SAME: "objective": "latency"

// GIVEN: schedule   n: channel 16
// GIVEN: search     none; the schedule was given

// TEXT: schedule   n: channel 16, time 4; k: ba 2, lane 16; order n; x: direct; y: host
// TRACE: cycles
// TRACE: MACAB

// ENERGY: "objective": "energy"
func.func @gemv(%x: tensor<1x32xf16>, %w: tensor<32x64xf16>) -> tensor<1x64xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<1x64xf16>
  %init = linalg.fill ins(%zero : f16) outs(%empty : tensor<1x64xf16>) -> tensor<1x64xf16>
  %y = linalg.matmul ins(%x, %w : tensor<1x32xf16>, tensor<32x64xf16>) outs(%init : tensor<1x64xf16>) -> tensor<1x64xf16>
  func.return %y : tensor<1x64xf16>
}
