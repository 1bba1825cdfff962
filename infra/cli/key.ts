import { readFile } from 'node:fs/promises'
import type { Noun } from './command/command.ts'
import { printDone } from './output.ts'
import { deleteCommand, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const KEYS: Resource = {
  noun: 'key',
  path: 'keys',
  argument: 'NAME',
  events: ['key'],
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'ALGORITHM', from: 'algorithm' },
    { head: 'HARDWARE', from: 'hardware_revs' },
    { head: 'FINGERPRINT', from: 'fingerprint', wide: true },
  ],
}

const add: SessionCommand = {
  path: ['key', 'add'],
  summary: 'trusts a public key (SPKI, PEM): what it signs may be uploaded',
  arguments: [{ name: 'FILE', complete: 'file' }],
  options: [
    { name: 'name', value: 'NAME', summary: 'what to call it' },
    {
      name: 'hardware',
      value: 'REV',
      many: true,
      summary: 'only for this hardware; again for more',
    },
  ],
  run: async (session, input) => {
    const hardware = input.texts('hardware')
    const item = await (
      await session.api()
    ).post('keys', {
      name: input.required('name'),
      public_key: await readFile(input.argument(0), 'utf8'),
      hardware_revs: hardware.length > 0 ? hardware : undefined,
    })
    printDone(session, `key ${KEYS.id(item)}: trusted`, item, KEYS)
  },
}

export const keyNoun: Noun = {
  name: 'key',
  summary: 'Keys: whose signatures on artifacts are trusted.',
  examples: ['muster key add release.pub --name release-2026'],
}

export const keyCommands: readonly SessionCommand[] = [
  listCommand(KEYS),
  showCommand(KEYS),
  add,
  deleteCommand(KEYS, 'revoke', 'trusts keys no longer; rollouts of what they signed stop'),
]
