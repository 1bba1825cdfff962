import { statement } from '../db/statement.ts'

export interface DeadLetterRow {
  readonly id: bigint
  readonly at: Date
  readonly slot: number | null
  readonly device_id: string | null
  readonly topic: string
  readonly bytes: number
  readonly reason: string
  readonly delivery: bigint | null
  readonly replayed_at: Date | null
}

// Kept for three months and the one that is not over.
const KEPT = `at > now() - interval '4 months'`
const COLUMNS =
  'id, at, slot, device_id, topic, coalesce(octet_length(payload), 0) as bytes, reason, delivery, replayed_at'

export const listDeadLetters = statement<
  [string | null, string | null, bigint | null, number],
  DeadLetterRow
>(
  'dead_letters_list',
  `
  select ${COLUMNS} from dead_letters
   where ${KEPT} and ($1::text is null or device_id = $1::text) and ($2::text is null or reason = $2::text)
     and ($3::bigint is null or id < $3::bigint)
   order by id desc limit $4::int`,
)

export const readDeadLetter = statement<
  [bigint],
  DeadLetterRow & { readonly payload: Buffer | null }
>(
  'dead_letter_read',
  `select ${COLUMNS}, payload from dead_letters where ${KEPT} and id = $1::bigint`,
)

export const replayDeadLetter = statement<[bigint], { readonly id: bigint }>(
  'dead_letter_replay',
  `update dead_letters set replayed_at = now() where ${KEPT} and id = $1::bigint returning id`,
)

export const deleteDeadLetter = statement<[bigint], { readonly id: bigint }>(
  'dead_letter_delete',
  `delete from dead_letters where ${KEPT} and id = $1::bigint returning id`,
)
