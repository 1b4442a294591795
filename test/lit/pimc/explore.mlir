// RUN: pimc explore --set timing.values.nCCDAB=4,60 --kernel gemv:1,1,64,512 --no-records --top-k 1 | filecheck %s
// RUN: not pimc explore --set timing.values.nCCD=4 --kernel gemv:1,1,64,64 2>&1 | filecheck %s --check-prefix=FIELD
// RUN: not pimc explore --set timing.values.nCCDAB --kernel gemv:1,1,64,64 2>&1 | filecheck %s --check-prefix=VALUES
// RUN: not pimc explore --set clock_ps=1 --kernel gemv 2>&1 | filecheck %s --check-prefix=SHAPE
// RUN: not pimc explore --set clock_ps=1 --kernel gem:1,2 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not pimc devices check %S/no.yaml 2>&1 | filecheck %s --check-prefix=FILE
// RUN: not pimc devices check 2>&1 | filecheck %s --check-prefix=NOTHING
// RUN: pimc devices check attacc | filecheck %s --check-prefix=CHECK-DEVICE

// CHECK: gemv 1,1,64,512
// CHECK: timing.values.nCCDAB {{ *}}cycles {{ *}}time {{ *}}speed {{ *}}energy {{ *}}schedule
// CHECK: 6 {{.*}} as it is {{.*}} A
// CHECK: 60 {{.*}}x {{.*}} uJ
// CHECK: A  {{.*}}lane 16
// FIELD: error: timing.values: unknown field 'nCCD'; did you mean 'nCCD
// VALUES: error: --set timing.values.nCCDAB: expected FIELD=VALUE,VALUE,..
// SHAPE: error: --kernel gemv: expected KIND:A,B,.. as gemv:1,32,128,512
// UNKNOWN: error: unknown kind 'gem'
// FILE: error: no device file '{{.*}}no.yaml'
// NOTHING: error: check needs a FILE
// CHECK-DEVICE: attacc: nothing is wrong with its file
// CHECK-DEVICE: contraction {{ *}}tree (lanes hold summands)
// CHECK-DEVICE: elementwise {{ *}}missing: kernels.elementwise
