import { setTimeout as sleep } from 'node:timers/promises'
import { path, type Item } from './api/client.ts'
import { EXIT } from './exit.ts'
import { printDone } from './output.ts'
import type { Session } from './session.ts'
import { startProgress, type Progress } from './terminal/progress.ts'
import { grouped } from './terminal/text.ts'
import type { Resource } from './verbs.ts'

export const OPERATIONS: Resource = {
  noun: 'operation',
  path: 'operations',
  argument: 'ID',
  events: ['operation'],
  id: ({ id }) => String(id),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'KIND', from: 'kind' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'DONE', from: 'done', kind: 'count' },
    { head: 'FAILED', from: 'failed', kind: 'count' },
    { head: 'TOTAL', from: 'total', kind: 'count' },
    { head: 'CREATED', from: 'created_at', kind: 'time', wide: true },
  ],
}

const ENDED = new Set(['succeeded', 'failed', 'cancelled'])
const POLL_MS = 500

const countOf = (item: Item, name: string): number => Number(item[name] ?? 0)

/** Shows an operation's progress until its end; 7 when it failed. */
export async function watchOperation(session: Session, id: string): Promise<number> {
  const api = await session.api()
  let progress: Progress | undefined
  for (;;) {
    const { item } = await api.get(`operations/${path(id)}`)
    const total = countOf(item, 'total')
    if (total > 0) progress ??= startProgress(session.err, `operation ${id}`, total)
    progress?.set(countOf(item, 'done') + countOf(item, 'failed'))
    const state = String(item['state'])
    if (ENDED.has(state)) {
      progress?.end()
      const counts = `${grouped(countOf(item, 'done'))} done, ${grouped(countOf(item, 'failed'))} failed`
      printDone(session, `operation ${id}: ${state}, ${counts}`, item, OPERATIONS)
      return state === 'succeeded' ? EXIT.ok : EXIT.watchedFailed
    }
    await sleep(POLL_MS, undefined, { signal: session.signal })
  }
}
