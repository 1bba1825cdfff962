import type { Guards, Scenario } from './guards.ts'

export interface Device {
  on: boolean
  /** Version and content of the last delta on the wire, and of the best that a client that drops older ones has. */
  delta: number
  content: number
  best: number
  bestContent: number
  wentBack: boolean
  answered: string[]
}

export interface Queued {
  readonly message: string
  readonly device: number
  readonly packet: number
  sent: boolean
}

export interface BrokerSession {
  queue: Queued[]
  owner: number
  packets: number
}

export interface HeldItem {
  readonly message: string
  readonly device: number
  readonly packet: number
  readonly session: number
  readonly dup: boolean
  delivery: number
}

export interface ConnectorState {
  up: boolean
  epoch: number
  count: number
  held: HeldItem[]
}

export interface HistoryRow {
  readonly message: string
  readonly version: number
  readonly session: number
  readonly packet: number
}

export interface OutboxRow {
  readonly message: string
  readonly version: number
  /** The delta's content as it was then. */
  readonly old: number
}

export interface ShadowRow {
  version: number
  desired: number
  reported: number
  delivery: number
  history: HistoryRow[]
  outbox: OutboxRow[]
}

/** A delta (`message` undefined) or an accepted. */
export interface Told {
  readonly message?: string
  readonly content: number
  readonly version: number
}

export type CallStage = 'read' | 'commit' | 'answer' | 'told'

export interface CallState {
  kind: 'update' | 'bell' | 'relay'
  operator: boolean
  open: boolean
  connector: number
  session: number
  device: number
  message: string
  packet: number
  dup: boolean
  delivery: number
  stage: CallStage
  /** Whether somebody waits for its answer. */
  live: boolean
  base: { version: number; desired: number; reported: number } | null
  told: Told[]
  rows: number[]
  /** Publisher 'function': it has yet to publish. */
  todo: boolean
}

export interface State {
  devices: Device[]
  sessions: BrokerSession[]
  connectors: ConnectorState[]
  rows: ShadowRow[]
  written: boolean[]
  calls: CallState[]
  epochs: number
  faults: number
  /** What went wrong, '' so far. */
  bad: string
}

export const SUBSCRIBED = 'subscribed'

/** Reads an element that is there by construction. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`the model has no ${index}`)
  return found
}

export function start(guards: Guards, scenario: Scenario): State {
  const state: State = {
    devices: scenario.devices.map(() => ({
      on: true,
      delta: 0,
      content: 0,
      best: 0,
      bestContent: 0,
      wentBack: false,
      answered: [],
    })),
    sessions: [0, 1].map(() => ({ queue: [], owner: -1, packets: 0 })),
    connectors: [0, 1].map(() => ({ up: true, epoch: 0, count: 0, held: [] })),
    rows: scenario.devices.map(() => ({
      version: 0,
      desired: 0,
      reported: 0,
      delivery: 0,
      history: [],
      outbox: [],
    })),
    written: scenario.operator.map(() => false),
    calls: [],
    epochs: 0,
    faults: scenario.faults,
    bad: '',
  }
  // The broker may deliver as late as it likes, so nothing is left out by queueing all at once.
  for (const [device, script] of scenario.devices.entries())
    for (const message of script) enqueue(guards, state, device, message)
  return state
}

export function enqueue(guards: Guards, state: State, device: number, message: string): void {
  const [first, second] = [at(state.sessions, 0), at(state.sessions, 1)]
  const session = guards.oneSession || (first.packets + second.packets) % 2 === 0 ? first : second
  const packet = (session.packets % guards.packetIds) + 1
  session.packets += 1
  session.queue.push({ message, device, packet, sent: false })
}

export function fail(state: State, why: string): void {
  if (state.bad === '') state.bad = why
}

/** A copy that shares nothing that is ever changed in place. */
export function copy(state: State): State {
  return {
    ...state,
    devices: state.devices.map((each) => ({ ...each, answered: [...each.answered] })),
    sessions: state.sessions.map((each) => ({
      ...each,
      queue: each.queue.map((queued) => ({ ...queued })),
    })),
    connectors: state.connectors.map((each) => ({
      ...each,
      held: each.held.map((item) => ({ ...item })),
    })),
    rows: state.rows.map((row) => ({
      ...row,
      history: [...row.history],
      outbox: [...row.outbox],
    })),
    written: [...state.written],
    calls: state.calls.map((call) => ({ ...call })),
  }
}

/** An answer that nobody waits for is gone; the order of calls means nothing. */
export function settle(state: State): void {
  for (const call of state.calls) if (call.stage === 'answer' && !call.live) call.stage = 'told'
  state.calls = state.calls.filter((call) => call.stage !== 'told' || call.todo)
  if (state.calls.length < 2) return
  state.calls = state.calls
    .map((call) => ({ call, key: JSON.stringify(call) }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ call }) => call)
}
