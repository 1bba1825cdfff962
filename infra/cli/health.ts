import { ApiError } from './api/problem.ts'
import type { Item } from './api/client.ts'
import type { ListShape } from './output.ts'
import type { Session } from './session.ts'

export interface Health {
  readonly status: string
  readonly parts: readonly Item[]
}

const isItem = (value: unknown): value is Item => typeof value === 'object' && value !== null

/** What the server says of its parts; 503 is an answer too. */
export async function readHealth(session: Session): Promise<Health> {
  const transport = await session.transport()
  const answer = await transport({ method: 'GET', target: '/api/v1/health' })
  const chunks: Buffer[] = []
  for await (const chunk of answer.body) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString('utf8')
  const body: unknown = /^\s*\{/.test(text) ? JSON.parse(text) : {}
  const { status, parts } = isItem(body) ? body : {}
  if (typeof status !== 'string') throw new ApiError(answer.status, isItem(body) ? body : {})
  return { status, parts: Array.isArray(parts) ? parts.filter(isItem) : [] }
}

export const PARTS: ListShape = {
  id: (item) => String(item['name']),
  columns: [
    { head: 'PART', from: 'name' },
    { head: 'STATUS', from: 'status', kind: 'state' },
    { head: 'AT', from: 'at', kind: 'time' },
    { head: 'PROBLEM', from: 'problem' },
  ],
}
