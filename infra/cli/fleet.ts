import { warn } from './warn.ts'
import { printItem } from './output.ts'
import { fleetNumbers } from './status.ts'
import { counted, grouped } from './terminal/text.ts'
import type { Noun } from './command/command.ts'
import { QUERY, type SessionCommand } from './verbs.ts'

const summary: SessionCommand = {
  path: ['fleet', 'summary'],
  summary: 'the fleet in numbers',
  run: async (session) => {
    const numbers = await fleetNumbers(await session.api())
    const people = session.format === 'table' || session.format === 'wide'
    const shown = Object.entries(numbers).map(([name, each]) => [name, grouped(each)])
    printItem(session, people ? Object.fromEntries(shown) : numbers)
  },
}

const explain: SessionCommand = {
  path: ['fleet', 'explain'],
  summary: 'how a query is read, what it selects, and what to know of it',
  options: [QUERY],
  run: async (session, input) => {
    const body = { q: input.required('query'), count: true }
    const item = await (await session.api()).post('query/check', body)
    const people = session.format === 'table' || session.format === 'wide'
    if (!people) return printItem(session, item)
    session.out.write(`${String(item['q'])}\n${counted(Number(item['count']), 'device')}\n`)
    return warn(session, item)
  },
}

export const fleetNoun: Noun = {
  name: 'fleet',
  summary: 'The fleet as a whole.',
  examples: [`muster fleet explain -q "attribute.site != 'eu'"`],
}

export const fleetCommands: readonly SessionCommand[] = [summary, explain]
