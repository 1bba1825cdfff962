import type { DeviceId } from '../../shared/device-id.ts'
import { draftAnswer, type AnswerDraft, type ItemFrame } from '../../shared/mqtt/answer.ts'
import { parseBell, type Bell } from '../../shared/mqtt/bell.ts'
import { encodeAnswer, parseBatch, type Item, type Verdict } from '../../shared/mqtt/delivery.ts'
import { matchesFilter } from '../../shared/mqtt/filter.ts'
import {
  configDesiredTopic,
  otaNotifyTopic,
  parseTopic,
  shadowTopic,
} from '../../shared/mqtt/topics.ts'
import { elsewhere, readStanding, type Waiting } from '../../shared/outbox/standing.ts'
import { openOffers } from '../../shared/rollout/open-offers.ts'
import {
  retainDesired,
  retellVersions,
  tellDevices,
  type Telling,
} from '../../shared/shadow/retell.ts'
import type { Deps } from './deps.ts'

/** A bell that was understood. */
interface Rung {
  readonly item: Item
  readonly deviceId: DeviceId
  readonly bell: Bell
}

/** Frames that come or stay together, and the rows that they carry out for the device. */
interface Chunk {
  readonly rows: readonly string[]
  readonly frames: readonly ItemFrame[]
  /** Without it this one stays too. */
  readonly head?: Chunk
}

/** Answers a batch of bells: looks at each device and tells what is so now. */
export async function answerBells(request: Request, deps: Deps): Promise<Response> {
  const items = await parseBatch(request)
  const rung = items.map(read)
  const bells = rung.filter((each) => each !== undefined)
  const looked = await look(deps, bells)
  const draft = draftAnswer()
  const left = new Set<string>()
  let complete = true
  const verdicts = items.map((_item, index): Verdict => {
    const each = rung[index]
    if (each === undefined) return 'dead:bell'
    const outcome = addBell(draft, each, chunksOf(each, looked))
    for (const row of outcome.left) left.add(row)
    if (outcome.lost !== undefined) {
      deps.log.warn({ deviceId: each.deviceId, rows: [...outcome.lost] }, 'too large to be told')
    }
    complete &&= outcome.left.length === 0
    return outcome.verdict
  })
  const told = [...new Set(bells.flatMap(({ bell }) => bell.outbox))].filter(
    (row) => !left.has(row),
  )
  return encodeAnswer({ ...draft.answer(verdicts, told, true), more: !complete })
}

function read(item: Item): Rung | undefined {
  const topic = parseTopic(item.topic)
  const bell = topic?.kind === 'bell' ? parseBell(item.payload) : undefined
  return topic && bell && { item, deviceId: topic.deviceId, bell }
}

interface Looked {
  readonly waiting: ReadonlyMap<string, readonly Waiting[]>
  /** Shadows with untold versions. */
  readonly untold: ReadonlyMap<string, readonly Telling[]>
  /** All shadows of those who subscribed, or whose retained document may be lost. */
  readonly all: ReadonlyMap<string, readonly Telling[]>
  /** Updates that wait for those who subscribed to hear of them. */
  readonly offers: ReadonlyMap<string, string>
}

const byDevice = ({ deviceId }: Telling) => deviceId

async function look(deps: Deps, rung: readonly Rung[]): Promise<Looked> {
  const slot = rung[0]?.item.slot ?? 0
  const ids = new Set(rung.flatMap(({ bell }) => bell.outbox))
  await retainDesired(
    deps.db,
    rung.filter(wantsDesired).map(({ deviceId }) => deviceId),
  )
  const waiting = await readStanding(deps.db, slot, [...ids])
  const asked = rung.flatMap(({ deviceId, bell }) => waitingOf(waiting, deviceId, bell))
  const whole = rung
    .filter((each) => each.bell.why !== 'outbox' || looks(waiting, each))
    .map(({ deviceId }) => deviceId)
  const [untold, all, offers] = await Promise.all([
    retellVersions(
      deps,
      asked.flatMap(({ deviceId, what }) =>
        what.kind === 'shadow' ? [{ ...what, deviceId }] : [],
      ),
    ),
    tellDevices(deps, whole),
    openOffers(
      deps.db,
      deps.config,
      rung.filter(hearsOffers).map(({ deviceId }) => deviceId),
    ),
  ])
  const away = await awayOf(deps, slot, rung, [...untold, ...all])
  const here = (tellings: readonly Telling[]) =>
    Map.groupBy(
      tellings.map((each) => (away.has(each.deviceId) ? emptied(each) : each)),
      byDevice,
    )
  return { waiting, untold: here(untold), all: here(all), offers }
}

/** Lightweight devices that belong to another broker by now; who subscribes here is here, whatever is known of it yet. */
function awayOf(
  deps: Deps,
  slot: number,
  rung: readonly Rung[],
  tellings: readonly Telling[],
): Promise<Set<string>> {
  const lightweight = new Set(
    tellings.filter(({ desired }) => desired !== undefined).map((each) => each.deviceId),
  )
  const asked = rung.filter(
    ({ deviceId, bell }) => bell.why !== 'subscribe' && lightweight.has(deviceId),
  )
  return elsewhere(
    deps.db,
    slot,
    asked.map(({ deviceId }) => deviceId),
  )
}

/** The retained document goes from a broker that the device left, or it would read an old one when it returns. */
const emptied = (telling: Telling): Telling =>
  telling.desired === undefined ? telling : { ...telling, desired: '' }

function waitingOf(
  waiting: ReadonlyMap<string, readonly Waiting[]>,
  deviceId: DeviceId,
  bell: Bell,
) {
  const rows = new Set(bell.outbox)
  return (waiting.get(deviceId) ?? [])
    .filter(({ id }) => rows.has(id))
    .map((what) => ({ deviceId, what }))
}

const looks = (waiting: Looked['waiting'], { deviceId, bell }: Rung): boolean =>
  waitingOf(waiting, deviceId, bell).some(({ what }) => what.kind === 'look')

const wantsDesired = ({ deviceId, bell }: Rung): boolean =>
  (bell.filters ?? []).some((filter) => filter === configDesiredTopic(deviceId))

function chunksOf({ deviceId, bell }: Rung, looked: Looked): Chunk[] {
  const waiting = waitingOf(looked.waiting, deviceId, bell).map(({ what }) => what)
  const untold = (looked.untold.get(deviceId) ?? []).flatMap((telling) =>
    untoldChunks(deviceId, telling, waiting),
  )
  const messages = waiting.flatMap((each): Chunk[] => {
    if (each.kind !== 'message') return []
    const { id, topic, payload, retain } = each
    return [{ rows: [id], frames: [{ topic, payload, retain }] }]
  })
  const rows = waiting.flatMap((each) => (each.kind === 'look' ? [each.id] : []))
  const open = (looked.all.get(deviceId) ?? []).map((telling): Chunk => ({
    rows,
    frames: openFrames(deviceId, telling, bell, rows.length > 0),
  }))
  const offer = frame(otaNotifyTopic(deviceId), looked.offers.get(deviceId))
  return [...untold, ...messages, ...open, { rows: [], frames: offer }]
}

const subscribedTo = ({ why, filters = [] }: Bell, topic: string): boolean =>
  why === 'subscribe' &&
  (filters.length === 0 || filters.some((filter) => matchesFilter(filter, topic)))

const hearsOffers = ({ deviceId, bell }: Rung): boolean =>
  subscribedTo(bell, otaNotifyTopic(deviceId))

const frame = (topic: string, payload: string | undefined, retain = false): ItemFrame[] =>
  payload === undefined ? [] : [{ topic, payload, retain }]

/** Delta, then documents, then accepted, as shadow-update has them; each row by itself, should not all of them fit. */
function untoldChunks(
  deviceId: DeviceId,
  { shadow, ...telling }: Telling,
  waiting: readonly Waiting[],
): Chunk[] {
  const head: Chunk = {
    rows: [],
    frames: [
      ...frame(configDesiredTopic(deviceId), telling.desired, true),
      ...frame(shadowTopic(deviceId, shadow, 'delta'), telling.delta),
      ...frame(shadowTopic(deviceId, shadow, 'documents'), telling.documents),
    ],
  }
  const mine = waiting.flatMap((each) =>
    each.kind === 'shadow' && each.shadow === shadow ? [each] : [],
  )
  const rows = Map.groupBy(mine, ({ id }) => id)
  const tails = [...rows].map(([id, versions]): Chunk => {
    const told = new Set(versions.map(({ version }) => version))
    const frames = telling.accepted
      .filter(({ version }) => told.has(version))
      .map(({ verb, payload }) => ({
        topic: shadowTopic(deviceId, shadow, `${verb}/accepted`),
        payload,
      }))
    return { rows: [id], frames, head }
  })
  return [head, ...tails]
}

/** What a device that subscribed, or came from another broker, is told: its open deltas, and the retained document that the broker may have lost. */
function openFrames(deviceId: DeviceId, telling: Telling, bell: Bell, moved: boolean): ItemFrame[] {
  const topic = shadowTopic(deviceId, telling.shadow, 'delta')
  return [
    ...frame(configDesiredTopic(deviceId), telling.desired, true),
    ...(moved || subscribedTo(bell, topic) ? frame(topic, telling.delta) : []),
  ]
}

interface Added {
  readonly verdict: Verdict
  /** Rows that this answer does not carry out. */
  readonly left: readonly string[]
  /** Rows too large for any answer. */
  readonly lost?: ReadonlySet<string>
}

function addBell(draft: AnswerDraft, { item }: Rung, chunks: readonly Chunk[]): Added {
  const whole = draft.add(
    item.index,
    chunks.flatMap(({ frames }) => frames),
  )
  if (whole) return { verdict: 'done', left: [] }
  // Not alone in the answer: it comes again, with more room.
  if (!draft.empty) return { verdict: 'retry:full', left: [] }
  const left = new Set<Chunk>()
  for (const chunk of chunks) {
    const headless = chunk.head !== undefined && left.has(chunk.head)
    if (headless || !draft.add(item.index, chunk.frames)) left.add(chunk)
  }
  const rows = new Set([...left].flatMap((chunk) => chunk.rows))
  const carried = chunks.some((chunk) => chunk.rows.some((row) => !rows.has(row)))
  // Should not one row fit, even alone, the device has to ask: for ever the same would not help it.
  return carried ? { verdict: 'done', left: [...rows] } : { verdict: 'done', left: [], lost: rows }
}
