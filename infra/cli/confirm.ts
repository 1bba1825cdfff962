import type { Input, Option } from './command/command.ts'
import { CommandError, EXIT } from './exit.ts'
import type { Session } from './session.ts'
import { grouped } from './terminal/text.ts'

export const YES: Option = { name: 'yes', short: 'y', summary: 'do not ask' }
export const EXPECT: Option = {
  name: 'expect',
  value: 'N',
  summary: 'with --query and without a terminal: how many are meant',
}

/** Asks about one thing, or a few that are named: `Revoke 3 certificates on https://…? [y/N]`. */
export async function confirm(session: Session, input: Input, what: string): Promise<void> {
  if (input.flag('yes')) return
  const { url } = await session.server()
  if (!session.asker.interactive) {
    throw new CommandError(`${what} on ${url.origin}: not confirmed; add --yes`, EXIT.usage)
  }
  const answer = await session.asker.question(`${what} on ${url.origin}? [y/N] `)
  if (!/^y(?:es)?$/i.test(answer)) throw new CommandError('not confirmed', EXIT.usage)
}

/** Asks about a selection: its count is typed, or given beforehand. */
export async function confirmCount(
  session: Session,
  input: Input,
  what: string,
  count: number,
): Promise<void> {
  const expected = input.integer('expect')
  if (expected !== undefined && expected !== count) {
    throw new CommandError(
      `${grouped(count)} are selected, ${grouped(expected)} were expected`,
      EXIT.conflict,
    )
  }
  if (expected !== undefined && input.flag('yes')) return
  const { url } = await session.server()
  if (!session.asker.interactive) {
    const hint = `add --yes --expect ${count}`
    throw new CommandError(`${what} on ${url.origin}: not confirmed; ${hint}`, EXIT.usage)
  }
  const question = `${what} on ${url.origin}: type ${count} to go on: `
  const answer = await session.asker.question(question)
  if (answer.replaceAll(',', '') !== String(count)) {
    throw new CommandError('not confirmed', EXIT.usage)
  }
}
