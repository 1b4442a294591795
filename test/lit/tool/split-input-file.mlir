// RUN: pim-opt %s --split-input-file | filecheck %s
// RUN: not pim-opt %s 2>&1 | filecheck %s --check-prefix=WHOLE

// Each part is a module of its own, and may name what another names too.
// CHECK: builtin.module
// CHECK: func.func @name
// CHECK: // -----
// CHECK: builtin.module
// CHECK: func.func @name
// WHOLE: error: re-declaration of alias '#map'
#map = affine_map<(d0) -> (d0)>
func.func @name() attributes {m = #map} {
  func.return
}

// -----

#map = affine_map<(d0) -> (d0 + 1)>
func.func @name() attributes {m = #map} {
  func.return
}
