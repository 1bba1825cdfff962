import type { Noun } from './command/command.ts'
import { actCommand, deleteCommand, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const DEAD_LETTERS: Resource = {
  noun: 'dead-letter',
  path: 'dead-letters',
  argument: 'ID',
  id: (item) => String(item['id']),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'TIME', from: 'at', kind: 'time' },
    { head: 'DEVICE', from: 'device_id' },
    { head: 'TOPIC', from: 'topic' },
    { head: 'REASON', from: 'reason' },
    { head: 'BYTES', from: 'bytes', kind: 'bytes', wide: true },
    { head: 'REPLAYED', from: 'replayed_at', kind: 'time', wide: true },
  ],
}

export const deadLetterNoun: Noun = {
  name: 'dead-letter',
  summary: 'Dead letters: messages of devices that no function could take.',
  examples: ['muster dead-letter list --device gw-00017', 'muster dead-letter replay 4711'],
}

export const deadLetterCommands: readonly SessionCommand[] = [
  listCommand(DEAD_LETTERS, {
    options: [
      { name: 'device', value: 'ID', complete: 'device', summary: 'only of this device' },
      { name: 'reason', value: 'REASON', summary: 'only these' },
    ],
    parameters: (input) => ({ device_id: input.text('device'), reason: input.text('reason') }),
  }),
  showCommand(DEAD_LETTERS),
  actCommand(DEAD_LETTERS, {
    verb: 'replay',
    summary: 'sends them again, as if the device had just published them',
    done: 'sent again',
  }),
  deleteCommand(DEAD_LETTERS, 'discard', 'forgets them'),
]
