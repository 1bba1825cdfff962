import type { Item, Parameters } from './api/client.ts'
import { pages } from './api/pages.ts'
import type { Input, Noun, Option } from './command/command.ts'
import { EXIT } from './exit.ts'
import { momentOption } from './moment-option.ts'
import { listPrinter, printItem, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import { grouped } from './terminal/text.ts'
import { subListCommand, type SessionCommand } from './verbs.ts'

const RECORDS: ListShape = {
  id: (item) => String(item['id']),
  columns: [
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'ACTOR', from: 'actor' },
    { head: 'WHAT', from: 'verb' },
    { head: 'TARGET', from: 'target' },
    { head: 'RESULT', from: (item) => item['code'] ?? 'ok' },
    { head: 'SOURCE', from: 'source', wide: true },
    { head: 'CALL', from: 'call_id', wide: true },
    { head: 'DETAIL', from: 'detail', wide: true },
  ],
}

const SEALS: ListShape = {
  id: (item) => String(item['id']),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'RECORDS', from: 'rows', kind: 'count' },
    { head: 'ROOT', from: 'root' },
    { head: 'PREVIOUS', from: 'previous', wide: true },
    { head: 'SIGNATURE', from: 'signature', wide: true },
  ],
}

const FILTERS: readonly Option[] = [
  { name: 'since', value: 'WHEN', summary: 'from then on: 24h (ago), a date, a time (31 days)' },
  { name: 'until', value: 'WHEN', summary: 'until then: 1h (ago), a date, a time' },
  { name: 'actor', value: 'WHO', summary: 'only by this one' },
  { name: 'verb', value: 'VERB', summary: 'only these, such as device.suspend' },
  { name: 'target', value: 'NAME', summary: 'only of this thing' },
]

function filters(input: Input, session: Session): Parameters {
  return {
    since: momentOption(session, input, 'since', 'ago'),
    until: momentOption(session, input, 'until', 'ago'),
    actor: input.text('actor'),
    verb: input.text('verb'),
    target: input.text('target'),
  }
}

interface Verified {
  readonly seals: number
  readonly records: number
  readonly faults: readonly Item[]
}

/** Call after call: the server looks at as many seals as a call bears. */
async function verifyAll(session: Session): Promise<Verified> {
  const api = await session.api()
  const faults: Item[] = []
  let seals = 0
  let records = 0
  let after = ''
  do {
    const item = await api.post(`audit/verify${after === '' ? '' : `?after=${after}`}`)
    if (Array.isArray(item['faults'])) faults.push(...item['faults'])
    seals += Number(item['seals'])
    records += Number(item['records'])
    after = typeof item['next'] === 'string' ? item['next'] : ''
  } while (after !== '')
  return { seals, records, faults }
}

const verify: SessionCommand = {
  path: ['audit', 'verify'],
  summary: 'computes every seal anew; exit 1 when one does not hold',
  run: async (session) => {
    const { seals, records, faults } = await verifyAll(session)
    const people = session.format === 'table' || session.format === 'wide'
    if (!people) printItem(session, { seals, records, faults })
    else {
      const sealed = seals === 0 ? 'nothing is sealed yet' : 'every seal holds'
      const told = faults.length === 0 ? sealed : `${faults.length} do not hold`
      session.out.write(`${grouped(seals)} seals over ${grouped(records)} records: ${told}\n`)
      for (const { seal_id: id, fault, at } of faults) {
        session.out.write(`  seal ${String(id)} of ${String(at)}: ${String(fault)}\n`)
      }
    }
    return faults.length === 0 ? EXIT.ok : EXIT.refused
  },
}

const exportAll: SessionCommand = {
  path: ['audit', 'export'],
  summary: 'all records, as -o ndjson (what is sealed is in `record`) or csv',
  options: FILTERS,
  run: async (session, input) => {
    const format = session.format === 'table' ? 'ndjson' : session.format
    const printer = listPrinter({ ...session, format }, RECORDS)
    const all = pages(await session.api(), 'audit', filters(input, session), undefined)
    let last
    for await (const page of all) {
      printer.page(page)
      last = page
    }
    printer.end(last)
  },
}

export const auditNoun: Noun = {
  name: 'audit',
  summary: 'The audit log: who did what, sealed each minute.',
  examples: ['muster audit list --since 24h --target gw-00017', 'muster audit verify'],
}

export const auditCommands: readonly SessionCommand[] = [
  subListCommand(['audit', 'list'], 'lists records, newest first', RECORDS, {
    options: FILTERS,
    path: () => 'audit',
    parameters: filters,
  }),
  subListCommand(['audit', 'seals'], 'lists the seals, oldest first', SEALS, {
    path: () => 'audit/seals',
  }),
  verify,
  exportAll,
]
