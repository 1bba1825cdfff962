import type { Item } from './api/client.ts'
import { printItem, type ListShape } from './output.ts'
import type { Session } from './session.ts'

/** Prints what was made; its secret, which no one is told again, stands last and alone on a line. */
export function printSecret(session: Session, made: Item, shape: ListShape): void {
  const people = session.format === 'table' || session.format === 'wide'
  const { secret, ...rest } = made
  if (!people || typeof secret !== 'string') return printItem(session, made, shape)
  printItem(session, rest, shape)
  session.out.write(`secret, told this once:\n${secret}\n`)
  return undefined
}
