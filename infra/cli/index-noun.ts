import type { Noun } from './command/command.ts'
import { DETACH } from './bulk.ts'
import { EXIT } from './exit.ts'
import { watchOperation } from './operation-progress.ts'
import { printDone } from './output.ts'
import {
  deleteCommand,
  listCommand,
  showCommand,
  type Resource,
  type SessionCommand,
} from './verbs.ts'

const TYPES = ['text', 'number', 'version', 'boolean', 'time']

export const INDEXES: Resource = {
  noun: 'index',
  path: 'indexes',
  argument: 'FIELD',
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'TYPE', from: 'type' },
    { head: 'READY', from: 'ready', kind: 'flag' },
    { head: 'CREATED', from: 'created_at', kind: 'time', wide: true },
  ],
}

const add: SessionCommand = {
  path: ['index', 'add'],
  summary: 'declares a leaf for search, and reads what is stored',
  arguments: [{ name: 'FIELD' }],
  options: [
    { name: 'type', value: 'TYPE', choices: TYPES, summary: 'how it is compared (text)' },
    DETACH,
  ],
  run: async (session, input) => {
    const body = { name: input.argument(0), type: input.text('type') ?? 'text' }
    const item = await (await session.api()).post('indexes', body)
    printDone(session, `index ${INDEXES.id(item)}: declared`, item, INDEXES)
    const people = session.format === 'table' || session.format === 'wide'
    if (input.flag('detach') || !people) return EXIT.ok
    return watchOperation(session, String(item['operation']))
  },
}

export const indexNoun: Noun = {
  name: 'index',
  summary: 'Indexes: leaves of shadows and attributes that queries find fast.',
  examples: [
    'muster index add shadow.reported.temp --type number',
    'muster index add attribute.site',
  ],
}

export const indexCommands: readonly SessionCommand[] = [
  listCommand(INDEXES),
  showCommand(INDEXES),
  add,
  deleteCommand(INDEXES, 'remove', 'takes declarations back'),
]
