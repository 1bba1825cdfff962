import { hash } from 'node:crypto'
import type { Guards, Scenario } from './guards.ts'
import { moves } from './moves.ts'
import { operatorValue } from './protocol.ts'
import { copy, fail, settle, start, type State } from './state.ts'

export interface Finding {
  /** What is broken; '' when everything holds. */
  readonly bad: string
  readonly states: number
  /** The shortest schedule that breaks it. */
  readonly trace: readonly string[]
  /** States at rest in which some delta had gone back. */
  readonly wentBack: number
}

/** What must hold when nothing more happens by itself. */
function atRest(scenario: Scenario, state: State): void {
  for (const [index, row] of state.rows.entries()) {
    const device = state.devices[index]
    if (device === undefined) continue
    for (const message of scenario.devices[index] ?? []) {
      if (!row.history.some((each) => each.message === message)) fail(state, `${message} was lost`)
      else if (!device.answered.includes(message))
        fail(state, `${message} committed, never answered`)
    }
    for (const { message } of row.history)
      if (!device.answered.includes(message)) fail(state, `${message} committed, never published`)
    const written = row.history.filter(({ message }) => message.startsWith('w'))
    const last = written.at(-1)?.message
    if (last !== undefined && row.desired !== operatorValue(last))
      fail(state, `${last} was overwritten`)
    if (row.desired !== row.reported && last !== undefined) {
      if (device.bestContent !== row.desired) fail(state, 'device never got the open delta')
      else if (device.content !== row.desired)
        fail(state, 'the last delta on the wire is a stale one')
    }
    if (row.outbox.length > 0) fail(state, 'outbox not empty')
  }
  if (state.sessions.some(({ queue }) => queue.length > 0)) fail(state, 'broker session not empty')
}

interface Node {
  readonly state: State
  readonly from: Node | undefined
  readonly move: string
}

function traceOf(node: Node): string[] {
  const names: string[] = []
  for (let each: Node | undefined = node; each?.from !== undefined; each = each.from)
    names.unshift(each.move)
  return names
}

/**
 * Breadth first through every interleaving: the first violation has the shortest schedule.
 * @param strict whether a delta that goes back is a violation
 */
export function explore(guards: Guards, scenario: Scenario, strict = true): Finding {
  const first: Node = { state: start(guards, scenario), from: undefined, move: '' }
  const seen = new Set([keyOf(first.state)])
  let level = [first]
  let wentBack = 0
  const found = (node: Node): Finding => ({
    bad: node.state.bad,
    states: seen.size,
    trace: traceOf(node),
    wentBack,
  })
  while (level.length > 0) {
    const next: Node[] = []
    for (const node of level) {
      const possible = moves(guards, scenario, node.state)
      if (possible.every(({ fault }) => fault !== undefined)) {
        if (node.state.devices.some((device) => device.wentBack)) wentBack += 1
        atRest(scenario, node.state)
        if (node.state.bad !== '') return found(node)
      }
      for (const move of possible) {
        const state = copy(node.state)
        move.run(state)
        settle(state)
        if (strict && state.devices.some((device) => device.wentBack))
          fail(state, 'delta version went back on the wire')
        const key = keyOf(state)
        if (seen.has(key)) continue
        seen.add(key)
        const reached = { state, from: node, move: move.name }
        if (state.bad !== '') return found(reached)
        next.push(reached)
      }
    }
    level = next
  }
  return { bad: '', states: seen.size, trace: [], wentBack }
}

const keyOf = (state: State): string => hash('md5', JSON.stringify(state), 'base64')

/** Random schedules of what is too large to explore. */
export function walk(guards: Guards, scenario: Scenario, runs: number, seed: number): Finding {
  const random = xorshift(seed)
  for (let run = 0; run < runs; run++) {
    const state = start(guards, scenario)
    const trace: string[] = []
    for (;;) {
      const possible = moves(guards, scenario, state)
      const calm = possible.filter(({ fault }) => fault === undefined)
      if (calm.length === 0) break
      if (trace.length > 3000) fail(state, 'does not come to rest')
      const pool = random() < 0.15 ? possible : calm
      const move = pool[Math.floor(random() * pool.length)]
      move?.run(state)
      settle(state)
      trace.push(move?.name ?? '')
      if (state.bad !== '') break
    }
    if (state.bad === '') atRest(scenario, state)
    if (state.devices.some((device) => device.wentBack))
      fail(state, 'delta version went back on the wire')
    if (state.bad !== '') return { bad: state.bad, states: run, trace, wentBack: 0 }
  }
  return { bad: '', states: runs, trace: [], wentBack: 0 }
}

function xorshift(seed: number): () => number {
  let value = Math.imul(seed, 2_654_435_761) | 1
  return () => {
    value ^= value << 13
    value ^= value >>> 17
    value ^= value << 5
    return (value >>> 0) / 2 ** 32
  }
}
