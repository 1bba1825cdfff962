import { pages } from './api/pages.ts'
import { importCommand } from './allowlist-import.ts'
import { textOf } from './columns.ts'
import type { Noun, Option } from './command/command.ts'
import { fields } from './fields.ts'
import { momentOption } from './moment-option.ts'
import { printDone, printItem } from './output.ts'
import { dataRow } from './terminal/csv.ts'
import { deleteCommand, edit, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

const MATCHES = ['device_id', 'serial', 'spki', 'idevid']
const HEADER = [
  'match',
  'value',
  'device_id',
  'hardware_rev',
  'credentials',
  'expires_at',
  'max_uses',
]

export const ALLOWLIST: Resource = {
  noun: 'allowlist',
  path: 'allowlist',
  argument: 'ENTRY',
  id: (item) => String(item['id']),
  columns: [
    { head: 'MATCH', from: 'id' },
    { head: 'HARDWARE', from: 'hardware_rev' },
    { head: 'CREDENTIAL', from: 'credentials' },
    { head: 'USES', from: (item) => `${textOf(item['uses'])}/${textOf(item['max_uses'])}` },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'STATE', from: 'state', kind: 'state', wide: true },
    { head: 'DEVICE', from: 'device_id', wide: true },
  ],
}

const BOUNDS: readonly Option[] = [
  { name: 'expires', value: 'WHEN', summary: 'its end: 24h, 30d, a date, a time' },
  { name: 'uses', value: 'N', summary: 'how many enrolments it is good for' },
]

const add: SessionCommand = {
  path: ['allowlist', 'add'],
  summary: 'lets a device enrol',
  arguments: [{ name: 'VALUE' }],
  options: [
    { name: 'match', value: 'KIND', choices: MATCHES, summary: 'what VALUE is (device_id)' },
    { name: 'device', value: 'ID', summary: 'the id that it gets, where VALUE is another' },
    { name: 'hardware', value: 'REV', summary: 'the hardware revision that it must have' },
    {
      name: 'credential',
      value: 'NAME',
      many: true,
      complete: 'credential',
      summary: 'only with this credential; again for more',
    },
    ...BOUNDS,
  ],
  run: async (session, input) => {
    const credentials = input.texts('credential')
    const body = {
      match: input.text('match'),
      value: input.argument(0),
      device_id: input.text('device'),
      hardware_rev: input.text('hardware'),
      credentials: credentials.length > 0 ? credentials : undefined,
      expires_at: momentOption(session, input, 'expires'),
      max_uses: input.integer('uses', 1),
    }
    const item = await (await session.api()).post('allowlist', body)
    printDone(session, `allowlist ${ALLOWLIST.id(item)}: added`, item, ALLOWLIST)
  },
}

const change: SessionCommand = {
  path: ['allowlist', 'edit'],
  summary: 'blocks or opens an entry, changes its end or its uses',
  arguments: [{ name: 'ENTRY', complete: 'allowlist' }],
  options: [
    { name: 'state', value: 'STATE', choices: ['open', 'blocked'], summary: 'its state' },
    ...BOUNDS,
  ],
  run: async (session, input) => {
    const said = fields(
      {
        state: input.text('state'),
        expires_at: momentOption(session, input, 'expires'),
        max_uses: input.integer('uses', 1),
      },
      input.command,
    )
    printItem(session, await edit(session, ALLOWLIST, input.argument(0), () => said), ALLOWLIST)
  },
}

const exportAll: SessionCommand = {
  path: ['allowlist', 'export'],
  summary: 'all entries, as the CSV that import takes',
  run: async (session) => {
    const { out } = session
    out.write(dataRow(HEADER))
    for await (const { items } of pages(await session.api(), 'allowlist', {}, undefined)) {
      out.write(items.map((item) => dataRow(HEADER.map((name) => textOf(item[name])))).join(''))
    }
  },
}

export const allowlistNoun: Noun = {
  name: 'allowlist',
  summary: 'The allowlist: which devices may enrol.',
  examples: ['muster allowlist add gw-00017 --hardware B', 'muster allowlist import devices.csv'],
}

export const allowlistCommands: readonly SessionCommand[] = [
  listCommand(ALLOWLIST, {
    options: [
      {
        name: 'state',
        value: 'STATE',
        choices: ['open', 'pending', 'used', 'blocked'],
        summary: 'only these',
      },
      { name: 'match', value: 'KIND', choices: MATCHES, summary: 'only these' },
    ],
    parameters: (input) => ({ state: input.text('state'), match: input.text('match') }),
  }),
  showCommand(ALLOWLIST),
  add,
  change,
  deleteCommand(ALLOWLIST, 'remove', 'takes entries off the list'),
  importCommand,
  exportAll,
]
