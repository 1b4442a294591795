"""A device small enough to work out by hand: two channels of two banks, columns of four f16."""

SMALL = """\
name: small
description: two channels of two banks
clock_ps: 1000
organisation:
  levels:
    - {name: channel, short: ch, count: 2}
    - {name: bank, short: ba, count: 2}
  rows: 8
  columns: 4
  column_bytes: 8
group: channel
host_layout: [channel, bank, column, row]
elements: [f16]
registers:
  operand: {per: bank, entries: 4, lanes: 4, element: column, halves: 2}
  acc: {per: bank, entries: 4, lanes: 1, element: f32, reset: zero}
commands:
  RD: {kind: host_read, row: true, meaning: data = column}
  WR: {kind: host_write, row: true, meaning: column = data}
  LOAD: {kind: load, operands: [s], meaning: "operand[s] = data"}
  MAC: {kind: compute, spans: [bank], row: true, operands: [s, a],
        meaning: "acc[a] += lanes_sum(column * operand[s])"}
  MOVE: {kind: move, spans: [bank], meaning: "data = over(bank, acc); acc = 0"}
  BARRIER: {kind: barrier}
  ACT: {kind: row, opens: true}
  PRE: {kind: row, closes: true}
  ACTAB: {kind: row, opens: true, spans: [bank]}
  PREAB: {kind: row, closes: true, spans: [bank]}
  REF: {kind: refresh, spans: [bank]}
kernels:
  host: {read: RD, write: WR}
  contraction:
    hand_mapping: {batch: [channel], output: [channel], reduction: [bank]}
    tree:
      {multiply: MAC, operand: operand, accumulator: acc, load: {direct: LOAD}, move: {bank: MOVE}}
controller: {policy: in-order, window: 4}
timing:
  values: {nA: 3, nB: 5}
  constraints:
    - {level: bank, preceding: [ACT], following: [RD, WR], latency: nA}
    - {level: bank, preceding: [RD], following: [PRE], latency: nA + nB - 1}
  completion: {RD: nA}
refresh: {command: REF, interval: nA, duration: nB}
"""
