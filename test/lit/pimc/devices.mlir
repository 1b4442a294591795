// RUN: pimc devices | filecheck %s
// RUN: pimc devices --json | filecheck %s --check-prefix=JSON
// RUN: pimc devices attacc | filecheck %s --check-prefix=ONE

// CHECK: attacc
// JSON: "attacc"
// ONE: attacc
// ONE: channel
