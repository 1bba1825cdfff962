// Everything that can happen next in a state.
import type { Fault, Guards, Scenario } from './guards.ts'
import { answered, CALL, commit, connect, drop, publish, read, render } from './protocol.ts'
import { at, enqueue, SUBSCRIBED, type CallState, type State } from './state.ts'

export interface Move {
  readonly name: string
  readonly fault: Fault | undefined
  run(state: State): void
}

type Can = (name: string, run: (state: State) => void, fault?: Fault) => void

export function moves(guards: Guards, scenario: Scenario, state: State): Move[] {
  const list: Move[] = []
  const can: Can = (name, run, fault) => {
    if (fault !== undefined) {
      if (state.faults === 0 || scenario.only?.includes(fault) === false) return
      list.push({
        name,
        fault,
        run: (next) => {
          next.faults -= 1
          run(next)
        },
      })
    } else list.push({ name, fault, run })
  }
  deviceMoves(guards, state, can)
  operatorMoves(scenario, state, can)
  sessionMoves(guards, state, can)
  connectorMoves(guards, state, can)
  for (const [index, call] of state.calls.entries())
    callMoves({ guards, scenario, state, can }, index, call)
  if (guards.publisher === 'function') relayMoves(guards, state, can)
  return list
}

function deviceMoves(guards: Guards, state: State, can: Can): void {
  for (const [index, device] of state.devices.entries()) {
    if (device.on)
      can(`device ${index} goes away`, (next) => void (at(next.devices, index).on = false), 'away')
    else
      can(`device ${index} is back`, (next) => {
        at(next.devices, index).on = true
        if (guards.openOnSubscribe) enqueue(guards, next, index, SUBSCRIBED)
      })
  }
}

function operatorMoves(scenario: Scenario, state: State, can: Can): void {
  for (const [index, done] of state.written.entries()) {
    if (done) continue
    const [device, message] = at(scenario.operator, index)
    can(`operator writes ${message}`, (next) => {
      next.written[index] = true
      next.calls.push({ ...CALL, operator: true, device, message })
    })
  }
}

function sessionMoves(guards: Guards, state: State, can: Can): void {
  for (const [index, session] of state.sessions.entries()) {
    if (!guards.oneSession || index === 0) {
      for (const [number, connector] of state.connectors.entries()) {
        const mine = guards.oneSession || number === index
        if (!connector.up || session.owner === number || !mine) continue
        const run = (next: State) => connect(guards, next, index, number)
        if (session.owner < 0) can(`connector ${number} connects`, run)
        else can(`connector ${number} takes the session over from a living one`, run, 'takeover')
      }
    }
    const first = session.queue.findIndex((queued) => !queued.sent)
    const message = session.queue[first]?.message
    if (session.owner < 0 || message === undefined) continue
    can(`broker sends ${message} to ${session.owner}`, (next) => send(guards, next, index, first))
    const lose = (next: State) => {
      const mine = at(next.sessions, index)
      at(mine.queue, first).sent = true
      mine.owner = -1
    }
    can(`broker sends ${message}, lost with the connection`, lose, 'net')
  }
}

function send(guards: Guards, state: State, index: number, position: number): void {
  const session = at(state.sessions, index)
  const queued = at(session.queue, position)
  queued.sent = true
  const { message, device, packet } = queued
  const item = { message, device, packet, session: index, dup: false, delivery: 0 }
  at(state.connectors, session.owner).held.push(item)
  if (!guards.ackAfter) session.queue.splice(position, 1)
}

const fresh = () => ({ up: true, epoch: 0, count: 0, held: [] })

function connectorMoves(guards: Guards, state: State, can: Can): void {
  for (const [number, connector] of state.connectors.entries()) {
    if (!connector.up) {
      can(`connector ${number} starts`, (next) => void (next.connectors[number] = fresh()))
      continue
    }
    const die = (next: State) => {
      next.connectors[number] = { ...fresh(), up: false }
      for (const session of next.sessions) if (session.owner === number) session.owner = -1
      for (const call of next.calls) if (call.connector === number) call.live = false
    }
    can(`connector ${number} dies`, die, 'connector')
    for (const device of state.rows.keys()) laneMoves(guards, state, can, number, device)
  }
}

function laneMoves(guards: Guards, state: State, can: Can, number: number, device: number): void {
  const busy = state.calls.filter(
    (call) => call.live && call.connector === number && call.device === device,
  )
  if (guards.lanes && busy.length > 0) return
  const holds = guards.publisher === 'connector' && at(state.sessions, 0).owner === number
  if (holds && at(state.rows, device).outbox.length > 0 && busy.length === 0)
    can(`connector ${number} rings for ${device}`, (next) => {
      next.calls.push({ ...CALL, kind: 'bell', connector: number, device, live: true })
    })
  const item = at(state.connectors, number).held.find(
    (held) =>
      held.device === device &&
      !busy.some((call) => call.packet === held.packet && call.session === held.session),
  )
  if (item === undefined) return
  const { packet, session } = item
  can(`connector ${number} calls with ${item.message}`, (next) => {
    const me = at(next.connectors, number)
    const mine = me.held.find((held) => held.session === session && held.packet === packet)
    if (mine === undefined) return
    if (mine.delivery === 0) {
      me.count += 1
      mine.delivery = me.epoch * 100 + me.count
    }
    const open = mine.message === SUBSCRIBED
    const kind = open ? 'bell' : 'update'
    next.calls.push({ ...CALL, ...mine, kind, open, connector: number, live: true })
  })
}

interface Context {
  readonly guards: Guards
  readonly scenario: Scenario
  readonly state: State
  readonly can: Can
}

function callMoves(
  { guards, scenario, state, can }: Context,
  index: number,
  call: CallState,
): void {
  const given = call.live || call.operator ? '' : ' (given up)'
  const who = `${call.message === '' ? 'bell' : call.message}${given}`
  const on = (run: (next: State, mine: CallState) => void) => (next: State) =>
    run(next, at(next.calls, index))
  if (call.stage === 'read')
    can(
      `instance reads for ${who}`,
      on((next, mine) => read(guards, next, mine)),
    )
  if (call.stage === 'commit')
    can(
      `instance commits ${who}`,
      on((next, mine) => commit(guards, next, mine, scenario)),
    )
  if (call.stage === 'answer' && call.live && at(state.connectors, call.connector).up) {
    can(
      `answer for ${who} reaches connector ${call.connector}`,
      on((next, mine) => answered(guards, next, mine, false)),
    )
    if (at(state.sessions, call.session).owner === call.connector)
      can(
        `answer for ${who}, published, cut before PUBACK`,
        on((next, mine) => answered(guards, next, mine, true)),
        'net',
      )
  }
  if (call.todo)
    can(
      `instance publishes for ${who}`,
      on((next, mine) => publishItself(guards, next, mine)),
    )
  const dies =
    call.stage !== 'read' && call.kind !== 'relay' && !(call.operator && call.stage === 'commit')
  if (dies)
    can(
      `instance dies with ${who} at ${call.stage}`,
      (next) => void next.calls.splice(index, 1),
      'instance',
    )
  if (call.live)
    can(
      `connector gives up on ${who}`,
      on((_next, mine) => void (mine.live = false)),
      'timeout',
    )
}

/** Publisher 'function'. */
function publishItself(guards: Guards, state: State, call: CallState): void {
  const row = at(state.rows, call.device)
  publish(state, call.device, call.told)
  const delta = call.told.find(({ message }) => message === undefined)
  if (guards.confirm && delta !== undefined && row.version !== delta.version) {
    call.told = render(row, [], true)
    if (call.told.length > 0) return
  }
  drop(state, call.device, call.rows)
  call.todo = false
}

/** Publisher 'function': compute-delta takes rows over; a lease is only a clock, so at any time. */
function relayMoves(guards: Guards, state: State, can: Can): void {
  for (const [device, row] of state.rows.entries()) {
    const busy = state.calls.some((call) => call.kind === 'relay' && call.device === device)
    if (row.outbox.length === 0 || busy) continue
    can(`compute-delta takes ${device} over`, (next) => {
      const mine = at(next.rows, device)
      const oldest = at(mine.outbox, 0)
      const told = guards.renderNow
        ? render(mine, mine.outbox, false)
        : [
            { content: oldest.old, version: oldest.version },
            { message: oldest.message, content: 0, version: oldest.version },
          ]
      const rows = guards.renderNow ? mine.outbox.map(({ version }) => version) : [oldest.version]
      next.calls.push({ ...CALL, kind: 'relay', device, told, rows, todo: true, stage: 'told' })
    })
  }
}
