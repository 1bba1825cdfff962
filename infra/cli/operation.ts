import { path } from './api/client.ts'
import type { Noun } from './command/command.ts'
import { OPERATIONS, watchOperation } from './operation-progress.ts'
import type { ListShape } from './output.ts'
import {
  actCommand,
  listCommand,
  showCommand,
  subListCommand,
  type SessionCommand,
} from './verbs.ts'

const STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled']

const RESULTS: ListShape = {
  id: (item) => String(item['device_id']),
  columns: [
    { head: 'DEVICE', from: 'device_id' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'CODE', from: 'code' },
    { head: 'DETAIL', from: 'detail' },
    { head: 'AT', from: 'at', kind: 'time', wide: true },
  ],
}

export const operationNoun: Noun = {
  name: 'operation',
  summary: 'Operations: long work, in slices: bulk changes, imports, checks.',
  examples: ['muster operation watch 17', 'muster operation results 17 --state failed --all'],
}

export const operationCommands: readonly SessionCommand[] = [
  listCommand(OPERATIONS, {
    options: [
      { name: 'kind', value: 'KIND', summary: 'only these, such as allowlist.import' },
      { name: 'state', value: 'STATE', choices: STATES, summary: 'only these' },
    ],
    parameters: (input) => ({ kind: input.text('kind'), state: input.text('state') }),
  }),
  showCommand(OPERATIONS),
  {
    path: ['operation', 'watch'],
    summary: 'shows its progress until its end; exit 7 when it failed',
    arguments: [{ name: 'ID', complete: 'operation' }],
    run: (session, input) => watchOperation(session, input.argument(0)),
  },
  subListCommand(['operation', 'results'], 'what became of each device', RESULTS, {
    arguments: [{ name: 'ID', complete: 'operation' }],
    options: [
      { name: 'state', value: 'STATE', choices: ['succeeded', 'failed'], summary: 'only these' },
    ],
    path: (input) => `operations/${path(input.argument(0))}/results`,
    parameters: (input) => ({ state: input.text('state') }),
  }),
  actCommand(OPERATIONS, { verb: 'cancel', summary: 'ends it where it stands', done: 'cancelled' }),
]
