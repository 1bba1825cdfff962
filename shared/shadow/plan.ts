import { isIP } from 'node:net'
import { valueAt, type Leaf } from '../index/leaves.ts'
import { isFirmwareVersion } from '../index/facts.ts'
import { DomainError } from '../errors.ts'
import { apply, isReported, type Command } from './apply.ts'
import type { Change, Changed, Notices } from './change.ts'
import {
  factChanges,
  factsOfLeaves,
  NO_FACT_CHANGES,
  type FactChanges,
  type LeafFacts,
} from './fact-changes.ts'
import { fromText, sectionText, toText, type Held } from './held.ts'
import {
  deleteAccepted,
  deltaNotice,
  documentsNotice,
  getAccepted,
  snapshot,
  updateAccepted,
  type Snapshot,
  type Stamp,
} from './notice.ts'
import type { AuditJson, ItemJson, KeyJson, ShadowJson, ShadowRow } from './queries.ts'
import { addToken, hasToken, tokenHash } from './tokens.ts'

/** When a request was applied before, as history has it. */
export interface Recalled {
  readonly version: number
  /** Epoch seconds. */
  readonly at: number
  /** By the identity of its packet, not only by its token. */
  readonly byPacket: boolean
}

export interface PlanContext {
  /** Epoch seconds. */
  readonly at: number
  readonly maxBytes: number
  readonly deliveredSlot: number | null
  readonly leaves: readonly Leaf[]
  /** Whether `reported.firmware_ver` is what the device says it runs. */
  readonly firmware: boolean
  readonly recalled: ReadonlyMap<Change, Recalled>
}

/** What is to be written for one shadow, and what its requests are answered once it is. */
export interface Plan extends FactChanges {
  readonly results: ReadonlyMap<Change, Changed>
  readonly shadow?: ShadowJson
  readonly items: ItemJson[]
  readonly firmware?: string
  readonly keys: KeyJson[]
  readonly audit: AuditJson[]
}

interface Draft {
  readonly row: ShadowRow
  readonly held: Held
  readonly context: PlanContext
  readonly results: Map<Change, Changed>
  readonly items: ItemJson[]
  readonly keys: KeyJson[]
  readonly audit: AuditJson[]
  /** Requests of this batch by their token. */
  readonly byToken: Map<string, Change>
  last: Snapshot | null
  tokens: string
  delivery: bigint | null
  retained: boolean
  firmware?: string
}

/**
 * Applies the requests to one shadow in their order, in memory. Pure: nothing is written, and the same row and requests give the same plan.
 */
export function planShadow(row: ShadowRow, changes: readonly Change[], context: PlanContext): Plan {
  const held = fromText({ ...row, version: Number(row.version) })
  const draft: Draft = {
    row,
    held,
    context,
    results: new Map(),
    items: [],
    keys: [],
    audit: [],
    byToken: new Map(),
    last: snapshot(held),
    tokens: row.tokens?.toString('hex') ?? '',
    delivery: row.delivery,
    retained: row.retained,
  }
  const before = factsOfLeaves(context.leaves, trees(held))
  for (const change of changes) draft.results.set(change, step(draft, change))
  return finish(draft, before)
}

const trees = (held: Held) => ({ desired: held.desired.tree, reported: held.reported.tree })

function step(draft: Draft, change: Change): Changed {
  const { command } = change
  const repeated = repeatOf(draft, change)
  if (repeated !== undefined) return repeated
  const stamp: Stamp = {
    version: draft.held.version,
    at: draft.context.at,
    clientToken: change.clientToken,
  }
  try {
    checkExpected(draft.held, change)
    if (command.kind !== 'get') return applyChange(draft, change, command)
    if (!draft.held.exists) throw new DomainError('shadow.not_found')
    const accepted = getAccepted(draft.held, stamp)
    return { kind: 'answered', version: draft.held.version, accepted }
  } catch (error) {
    if (error instanceof DomainError) return { kind: 'refused', error }
    throw error
  }
}

function checkExpected(held: Held, { expected }: Change): void {
  if (expected !== undefined && !(held.exists && expected.includes(BigInt(held.version)))) {
    throw new DomainError('request.precondition_failed', { version: held.version })
  }
}

/** A request that had its effect before: by its delivery number, its packet, or its token. */
function repeatOf(draft: Draft, change: Change): Changed | undefined {
  if (change.command.kind === 'get') return undefined
  const { context, row, byToken } = draft
  const sameSlot = context.deliveredSlot !== null && row.slot === context.deliveredSlot
  if (sameSlot && change.delivery !== null && draft.row.delivery !== null) {
    if (change.delivery <= draft.row.delivery) return { kind: 'duplicate' }
  }
  const recalled = context.recalled.get(change)
  if (recalled !== undefined) {
    return recalled.byPacket ? { kind: 'duplicate' } : answerAgain(change, change.command, recalled)
  }
  const twin = change.clientToken === undefined ? undefined : byToken.get(change.clientToken)
  if (twin === undefined || twin.text !== change.text) return undefined
  const first = draft.results.get(twin)
  if (first?.kind !== 'applied' || first.notices.accepted === undefined) return undefined
  return { kind: 'answered', version: first.version, accepted: first.notices.accepted }
}

function answerAgain(change: Change, command: Command, { version, at }: Recalled): Changed {
  const stamp: Stamp = { version, at, clientToken: change.clientToken }
  if (command.kind === 'report') return { kind: 'unchanged' }
  const accepted =
    command.kind === 'update'
      ? updateAccepted(command.state, stamp)
      : deleteAccepted({ ...stamp, version: version - 1 })
  return { kind: 'answered', version, accepted }
}

function applyChange(draft: Draft, change: Change, command: Command): Changed {
  const { held, context } = draft
  const desiredBefore = sectionText(held.desired)
  const subscribes = command.kind === 'report' && !draft.retained
  if (command.kind === 'report' && draft.retained && isReported(held, command.reported)) {
    return { kind: 'unchanged' }
  }
  apply(held, command, context.at, context.maxBytes)
  if (command.kind === 'report') draft.retained = true
  const stamp: Stamp = { version: held.version, at: context.at, clientToken: change.clientToken }
  const notices = noticesOf(draft, command, stamp)
  const desired = sectionText(held.desired)
  const tellDesired = draft.retained && (subscribes || desired !== desiredBefore)
  note(draft, change, command, notices.accepted)
  return {
    kind: 'applied',
    version: held.version,
    notices: { ...notices, ...(tellDesired && { desired: held.exists ? (desired ?? '{}') : '' }) },
  }
}

function noticesOf(draft: Draft, command: Command, stamp: Stamp): Notices {
  if (command.kind === 'delete') {
    draft.last = null
    return { accepted: deleteAccepted({ ...stamp, version: stamp.version - 1 }) }
  }
  const previous = draft.last
  draft.last = snapshot(draft.held)
  return {
    delta: deltaNotice(draft.held, stamp),
    documents: documentsNotice(previous, draft.last, stamp),
    ...(command.kind === 'update' && { accepted: updateAccepted(command.state, stamp) }),
  }
}

/** Notes for the database what was applied. */
function note(draft: Draft, change: Change, command: Command, accepted: string | undefined): void {
  const { deviceId, shadow, actor, packet, text, slot, key, clientToken } = change
  const { version } = draft.held
  draft.items.push({ device_id: deviceId, shadow, version, actor, packet, request: text, slot })
  const hashed = tokenHash(clientToken)
  if (clientToken !== undefined && hashed !== undefined) draft.byToken.set(clientToken, change)
  draft.tokens = addToken(draft.tokens, hashed)
  if (change.delivery !== null) draft.delivery = change.delivery
  if (key !== undefined) {
    draft.keys.push({ device_id: deviceId, shadow, ...key, answer: accepted ?? '' })
  }
  if (change.audit !== undefined) {
    const { tokenId, source, callId } = change.audit
    draft.audit.push({
      device_id: deviceId,
      shadow,
      actor,
      token_id: tokenId,
      source: isIP(source) > 0 ? source : null,
      call_id: callId,
      verb: command.kind === 'delete' ? 'shadow.delete' : 'shadow.update',
      detail: { shadow, version },
    })
  }
  const said =
    draft.context.firmware && shadow === '' && command.kind !== 'delete'
      ? valueAt(saidBy(command), ['firmware_ver'])
      : undefined
  if (isFirmwareVersion(said)) draft.firmware = said
}

const saidBy = (command: Exclude<Command, { kind: 'delete' }>) =>
  command.kind === 'report' ? command.reported : (command.state?.reported ?? undefined)

function finish(draft: Draft, before: LeafFacts): Plan {
  const { row, held, results, items, keys, audit, firmware, context } = draft
  if (items.length === 0) return { results, items, keys, audit, ...NO_FACT_CHANGES }
  const shadow: ShadowJson = {
    device_id: row.device_id,
    shadow: row.shadow,
    expected: Number(row.version),
    ...toText(held),
    tokens: draft.tokens,
    delivery: draft.delivery?.toString() ?? null,
    retained: draft.retained,
  }
  const facts = factChanges(row, context.leaves, before, factsOfLeaves(context.leaves, trees(held)))
  return {
    results,
    shadow,
    items,
    keys,
    audit,
    ...facts,
    ...(firmware !== undefined && { firmware }),
  }
}

/** Requests that carry a token which this shadow may have seen: history has to say. */
export function mayBeRepeat(row: ShadowRow, change: Change): boolean {
  if (change.command.kind === 'get') return false
  if (change.dup) return true
  const hashed = tokenHash(change.clientToken)
  return hashed !== undefined && hasToken(row.tokens?.toString('hex') ?? '', hashed)
}
