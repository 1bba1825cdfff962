import type { Item } from './api/client.ts'
import type { Session } from './session.ts'

/** Warnings of a query stand on standard error: nothing is refused. */
export function warn({ err }: Session, { warnings }: Item): void {
  const list: readonly Item[] = Array.isArray(warnings) ? warnings : []
  for (const { code, detail } of list) err.write(`warning: ${String(detail)} (${String(code)})\n`)
}
