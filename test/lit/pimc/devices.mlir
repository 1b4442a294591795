// RUN: pimc devices | filecheck %s
// RUN: pimc devices --json | filecheck %s --check-prefix=JSON
// RUN: pimc devices attacc | filecheck %s --check-prefix=ONE
// RUN: pimc devices gddr6-aim-ref | filecheck %s --check-prefix=INSTRUCTIONS

// CHECK: attacc
// JSON: "attacc"
// ONE: attacc
// ONE: channel
// ONE: MACAB {{ *}}PIM_MAC_AB {{ *}}acc[a] += lanes_sum(column * operand[s])
// INSTRUCTIONS: AiM MAC_ABK {{ *}}opsize mask row {{ *}}MAC16 {{ *}}acc[a] += lanes_sum(column * gb[s])
// INSTRUCTIONS: AiM EWADD {{ *}}opsize gpr gpr{{$}}
