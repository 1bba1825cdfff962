// The protocol's own steps: each is one atomic step of one process, and what a crash can separate is separate here.
import type { Guards, Scenario } from './guards.ts'
import {
  at,
  fail,
  type CallState,
  type OutboxRow,
  type ShadowRow,
  type State,
  type Told,
} from './state.ts'

const PAYLOADS: Readonly<Record<string, string>> = {
  u1: 'on',
  u2: 'off',
  u3: 'on',
  a1: 'x',
  a2: 'y',
}

export const CALL: CallState = {
  kind: 'update',
  operator: false,
  open: false,
  connector: -1,
  session: 0,
  device: 0,
  message: '',
  packet: 0,
  dup: false,
  delivery: 0,
  stage: 'read',
  live: false,
  base: null,
  told: [],
  rows: [],
  todo: false,
}

const valueOf = (message: string) => Number(message.slice(1))
export const operatorValue = (message: string) => 9 + valueOf(message)

/** The broker takes messages in this order; a device that is away misses deltas. */
export function publish(state: State, device: number, told: readonly Told[]): void {
  const heard = at(state.devices, device)
  for (const { message, content, version } of told) {
    if (message !== undefined) {
      const stored = at(state.rows, device).history.some(
        (row) => row.message === message && row.version === version,
      )
      if (!stored) fail(state, 'accepted, but not stored')
      if (!heard.answered.includes(message))
        heard.answered = [...heard.answered, message].toSorted()
    } else if (heard.on) {
      if (version < heard.delta) heard.wentBack = true
      heard.delta = version
      heard.content = content
      if (version >= heard.best) {
        heard.best = version
        heard.bestContent = content
      }
    }
  }
}

/** What compute-delta, or the function after its commit, hands to the publisher. */
export function render(row: ShadowRow, rows: readonly OutboxRow[], open: boolean): Told[] {
  const delta = row.desired !== row.reported && (open || rows.length > 0)
  return [
    ...(delta ? [{ content: row.desired, version: row.version }] : []),
    ...rows.map(({ message, version }) => ({ message, content: 0, version })),
  ]
}

/** CONNECT with the session's client id: an older connection ends, what was sent and not acknowledged comes again. */
export function connect(guards: Guards, state: State, index: number, connector: number): void {
  const session = at(state.sessions, index)
  const me = at(state.connectors, connector)
  session.owner = connector
  state.epochs += 1
  me.epoch = state.epochs
  me.count = 0
  if (guards.abandon)
    for (const call of state.calls) if (call.connector === connector) call.live = false
  me.held = session.queue
    .filter((queued) => queued.sent)
    .map(({ message, device, packet }) => ({
      message,
      device,
      packet,
      session: index,
      dup: true,
      delivery: 0,
    }))
}

/** The instance's select: the shadow's row, history for suspects, rows of the outbox for a bell. */
export function read(guards: Guards, state: State, call: CallState): void {
  const row = at(state.rows, call.device)
  if (call.kind === 'bell') {
    call.told = render(row, row.outbox, call.open)
    call.rows = row.outbox.map(({ version }) => version)
    call.stage = 'answer'
    return
  }
  const again = guards.deliveryNumber && !call.operator && call.delivery <= row.delivery
  const known =
    guards.packetIdentity &&
    call.dup &&
    row.history.some(
      (each) =>
        each.session === call.session &&
        each.packet === call.packet &&
        (!guards.packetPayload || PAYLOADS[each.message] === PAYLOADS[call.message]),
    )
  if (again || known) {
    call.told = []
    call.rows = []
    call.stage = 'answer'
    return
  }
  call.base = { version: row.version, desired: row.desired, reported: row.reported }
  call.stage = 'commit'
}

/** One statement: shadow, history, outbox. */
export function commit(guards: Guards, state: State, call: CallState, scenario: Scenario): void {
  const row = at(state.rows, call.device)
  const { base, message } = call
  if (base === null || (guards.compareAndSet && row.version !== base.version)) {
    call.base = null
    call.stage = 'read'
    return
  }
  if (row.history.some((each) => each.message === message))
    fail(state, `${message} took effect twice`)
  const script = at(scenario.devices, call.device)
  const before = call.operator ? [] : script.slice(0, script.indexOf(message))
  if (before.some((each) => !row.history.some((stored) => stored.message === each)))
    fail(state, `order: ${message} overtook`)
  row.version = base.version + 1
  row.desired = call.operator ? operatorValue(message) : base.desired
  row.reported = call.operator ? base.reported : valueOf(message)
  if (!call.operator) row.delivery = call.delivery
  row.history.push({ message, version: row.version, session: call.session, packet: call.packet })
  const entry = { message, version: row.version, old: guards.renderNow ? 0 : row.desired }
  if (guards.outbox) row.outbox.push(entry)
  call.base = null
  call.told = render(row, [entry], false)
  call.rows = [row.version]
  call.stage = 'answer'
  if (guards.publisher === 'function') call.todo = true
}

export function drop(state: State, device: number, versions: readonly number[]): void {
  const row = at(state.rows, device)
  row.outbox = row.outbox.filter(({ version }) => !versions.includes(version))
}

/** The connector has the answer: it publishes, then acknowledges on the same connection; `lost`: that dies before the PUBACK. */
export function answered(guards: Guards, state: State, call: CallState, lost: boolean): void {
  const me = at(state.connectors, call.connector)
  const session = at(state.sessions, call.session)
  const owner = session.owner === call.connector
  call.live = false
  if (guards.publisher === 'connector' && (owner || !guards.fence)) {
    publish(state, call.device, call.told)
    if (!lost) drop(state, call.device, call.rows)
  }
  if (call.packet === 0) return
  me.held = me.held.filter((item) => item.session !== call.session || item.packet !== call.packet)
  if (owner && !lost) session.queue = session.queue.filter(({ packet }) => packet !== call.packet)
  if (lost) session.owner = -1
}
