import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { deleteTopic, insertTopic, listTopics, readTopic, type TopicRow } from './queries.ts'

export type TopicUse = 'publish' | 'subscribe' | 'both'

/** A topic filter of the operator's; `{id}` stands for the device's id. */
export interface Topic {
  readonly filter: string
  /** What devices may do there; service accounts may do both. */
  readonly device: TopicUse
  readonly created_at: string
}

const FILTER_BYTES = 256

/**
 * Why a filter cannot be given to devices; undefined: it can. The first level is a fixed word that is not ours: with a wildcard or an id
 * there, a device named `devices` would reach everybody's topics.
 */
export function topicFault(filter: string): string | undefined {
  const levels = filter.split('/')
  const [first = ''] = levels
  if (filter.length > FILTER_BYTES || /\p{Cc}/u.test(filter)) {
    return `at most ${FILTER_BYTES} characters, no control characters`
  }
  // Of an ACL, Mosquitto skips spaces before a topic and reads %u and %c as names.
  if (filter.includes('%')) return 'no %'
  if (first === '' || /[\s+#{}$]/.test(first)) return 'the first level must be a fixed word'
  if (first === 'devices' || first === 'muster') return `${first}/ is Muster's own`
  if (levels.filter((level) => level === '{id}').length !== 1) return 'one level must be {id}'
  const odd = levels.some(
    (level, index) =>
      (/[{}]/.test(level) && level !== '{id}') ||
      (level.includes('#') && (level !== '#' || index < levels.length - 1)) ||
      (level.includes('+') && level !== '+'),
  )
  return odd ? 'not a topic filter' : undefined
}

const toTopic = ({ filter, device, created_at: at }: TopicRow): Topic => ({
  filter,
  device,
  created_at: at.toISOString(),
})

/** In order of the filters. */
export async function pageTopics(db: Db, after: string | null, limit: number): Promise<Topic[]> {
  return (await db.rows(listTopics, [after, limit])).map(toTopic)
}

/** Throws topic.not_found. */
export async function findTopic(db: Db, filter: string): Promise<Topic> {
  const row = await db.row(readTopic, [filter])
  if (row === undefined) throw new DomainError('topic.not_found')
  return toTopic(row)
}

/** Gives a topic to devices. Throws topic.forbidden, topic.exists. */
export async function addTopic(
  tx: Db,
  acting: Acting,
  filter: string,
  device: TopicUse,
): Promise<Topic> {
  const fault = topicFault(filter)
  if (fault !== undefined) throw new DomainError('topic.forbidden', { detail: fault })
  const row = await tx.row(insertTopic, [filter, device])
  if (row === undefined) throw new DomainError('topic.exists')
  await audit(tx, { ...acting, verb: 'topic.add', target: filter, detail: { device } })
  return toTopic(row)
}

/** Throws topic.not_found. */
export async function removeTopic(tx: Db, acting: Acting, filter: string): Promise<void> {
  const row = await tx.row(deleteTopic, [filter])
  if (row === undefined) throw new DomainError('topic.not_found')
  await audit(tx, { ...acting, verb: 'topic.remove', target: filter })
}
