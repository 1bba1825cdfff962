import { draftAnswer, type AnswerDraft, type ItemFrame } from '../../shared/mqtt/answer.ts'
import { encodeAnswer, parseBatch, type Verdict } from '../../shared/mqtt/delivery.ts'
import { configDesiredTopic, shadowTopic } from '../../shared/mqtt/topics.ts'
import type { Changed, Notices } from '../../shared/shadow/change.ts'
import { workShadows } from '../../shared/shadow/work.ts'
import type { Deps } from './deps.ts'
import { readItem, type Place, type Read } from './read-item.ts'
import { rejectedText } from './rejected.ts'

const DEADLINE_MS = 10_000

/** Answers a batch of the connector: state, history and outbox commit before, the frames say what was committed. */
export async function answerMessages(request: Request, deps: Deps): Promise<Response> {
  const deadline = performance.now() + DEADLINE_MS
  const reads = (await parseBatch(request)).map(readItem)
  const [first] = reads
  const { results, outbox } = await workShadows(deps.shadows, {
    changes: reads.flatMap((read) => ('change' in read ? [read.change] : [])),
    ...(first && { deliveredBy: { slot: first.item.slot, epoch: first.item.epoch } }),
    inTime: () => performance.now() < deadline,
  })
  const at = Math.floor(deps.clock.now().getTime() / 1000)
  const draft = draftAnswer()
  const held = new Set<string>()
  let complete = true
  const verdicts = reads.map((read) => {
    const { verdict, told } = conclude(read, results, { draft, held, at })
    complete &&= told
    return verdict
  })
  return encodeAnswer(draft.answer(verdicts, outbox, complete))
}

interface Conclusion {
  readonly verdict: Verdict
  /** False: something was committed of which the frames are not in this answer. */
  readonly told: boolean
}

interface Drafting {
  readonly draft: AnswerDraft
  /** Devices of which an item is to come again: their later items are too, or order is lost. */
  readonly held: Set<string>
  readonly at: number
}

const silent = (verdict: Verdict): Conclusion => ({ verdict, told: true })

function conclude(
  read: Read,
  results: ReadonlyMap<unknown, Changed>,
  drafting: Drafting,
): Conclusion {
  if ('dead' in read) return silent(`dead:${read.dead}`)
  if ('nothing' in read) return silent('done')
  const { place, item } = read
  const changed: Changed =
    'error' in read
      ? { kind: 'refused', error: read.error }
      : (results.get(read.change) ?? { kind: 'conflict' })
  const committed = changed.kind === 'applied'
  if (drafting.held.has(place.deviceId)) return { verdict: 'retry:order', told: !committed }
  if (changed.kind === 'duplicate' || changed.kind === 'conflict') {
    if (changed.kind === 'conflict') drafting.held.add(place.deviceId)
    return silent(changed.kind === 'conflict' ? 'retry:conflict' : 'duplicate')
  }
  const token = 'change' in read ? read.change.clientToken : undefined
  if (drafting.draft.add(item.index, framesOf(changed, place, drafting.at, token))) {
    return silent('done')
  }
  // What was committed comes out of the outbox; the rest is asked again.
  if (committed) return { verdict: 'done', told: false }
  drafting.held.add(place.deviceId)
  return silent('retry:full')
}

function framesOf(
  changed: Exclude<Changed, { kind: 'duplicate' | 'conflict' }>,
  place: Place,
  at: number,
  token: string | undefined,
): ItemFrame[] {
  const { deviceId, shadow, verb } = place
  const answer = (outcome: 'accepted' | 'rejected') =>
    shadowTopic(deviceId, shadow, `${verb}/${outcome}`)
  switch (changed.kind) {
    case 'unchanged':
      return []
    case 'refused':
      return [{ topic: answer('rejected'), payload: rejectedText(changed.error, place, at, token) }]
    case 'answered':
      return [{ topic: answer('accepted'), payload: changed.accepted }]
    case 'applied':
      return noticeFrames(changed.notices, place, answer('accepted'))
  }
}

const frame = (topic: string, payload: string | undefined, retain = false): ItemFrame[] =>
  payload === undefined ? [] : [{ topic, payload, retain }]

/** Delta, then documents, then accepted: clients drop a delta that is not above the last version seen. */
function noticeFrames(
  { desired, delta, documents, accepted }: Notices,
  { deviceId, shadow }: Place,
  acceptedTopic: string,
): ItemFrame[] {
  return [
    ...frame(configDesiredTopic(deviceId), desired, true),
    ...frame(shadowTopic(deviceId, shadow, 'delta'), delta),
    ...frame(shadowTopic(deviceId, shadow, 'documents'), documents),
    ...frame(acceptedTopic, accepted),
  ]
}
