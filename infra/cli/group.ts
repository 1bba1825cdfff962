import { path } from './api/client.ts'
import { DETACH, runBulk } from './bulk.ts'
import { chosen } from './chosen.ts'
import { DEVICES } from './device.ts'
import type { Noun } from './command/command.ts'
import { EXPECT, YES } from './confirm.ts'
import { EXIT } from './exit.ts'
import { printDone } from './output.ts'
import type { Session } from './session.ts'
import { grouped } from './terminal/text.ts'
import { deleteCommand, edit, listCommand, QUERY, showCommand, subListCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

/** Devices that one call takes. */
const CHUNK = 1000

export const GROUPS: Resource = {
  noun: 'group',
  path: 'groups',
  argument: 'NAME',
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'DEVICES', from: 'devices', kind: 'count' },
    { head: 'CREATED', from: 'created_at', kind: 'time', wide: true },
  ],
}

const create: SessionCommand = {
  path: ['group', 'create'],
  summary: 'makes an empty group',
  arguments: [{ name: 'NAME' }],
  run: async (session, input) => {
    const name = input.argument(0)
    const item = await (await session.api()).post('groups', { name })
    printDone(session, `group ${name}: made`, item, GROUPS)
  },
}

const rename: SessionCommand = {
  path: ['group', 'edit'],
  summary: 'renames a group',
  arguments: [{ name: 'NAME', complete: 'group' }],
  options: [{ name: 'name', value: 'NAME', summary: 'the new name' }],
  run: async (session, input) => {
    const name = input.required('name')
    const item = await edit(session, GROUPS, input.argument(0), () => ({ name }))
    printDone(session, `group ${input.argument(0)}: now ${name}`, item, GROUPS)
  },
}

async function changeNamed(
  session: Session,
  name: string,
  verb: 'add' | 'remove',
  ids: readonly string[],
): Promise<number> {
  const api = await session.api()
  let changed = 0
  for (let at = 0; at < ids.length; at += CHUNK) {
    const body = { device_ids: ids.slice(at, at + CHUNK) }
    const method = verb === 'add' ? 'POST' : 'DELETE'
    const answer = await api.json(method, `groups/${path(name)}/devices`, { body })
    changed += Number(answer['changed'])
  }
  return changed
}

function memberCommand(verb: 'add' | 'remove', summary: string, done: string): SessionCommand {
  return {
    path: ['group', verb],
    summary,
    arguments: [
      { name: 'NAME', complete: 'group' },
      { name: 'ID', many: true, optional: true, complete: 'device' },
    ],
    options: [QUERY, YES, EXPECT, DETACH],
    run: async (session, input) => {
      const name = input.argument(0)
      const which = chosen(input, 1)
      if ('query' in which) {
        const change = { groups: { [verb]: [name] } }
        const what = verb === 'add' ? `add to group ${name}` : `take out of group ${name}`
        return runBulk(session, input, { path: 'bulk/devices', query: which.query, change, what })
      }
      const changed = await changeNamed(session, name, verb, which.ids)
      printDone(session, `group ${name}: ${grouped(changed)} ${done}`, { changed })
      return EXIT.ok
    },
  }
}

export const groupNoun: Noun = {
  name: 'group',
  summary: 'Groups: names for sets of devices, for queries and rollouts.',
  examples: [
    `muster group create canary`,
    `muster group add canary -q "hardware_rev = 'B' and status = 'active'"`,
  ],
}

export const groupCommands: readonly SessionCommand[] = [
  listCommand(GROUPS),
  showCommand(GROUPS),
  create,
  rename,
  deleteCommand(GROUPS, 'delete', 'removes groups; their devices stay'),
  memberCommand('add', 'adds devices', 'added'),
  memberCommand('remove', 'takes devices out', 'taken out'),
  subListCommand(['group', 'devices'], 'lists its devices', DEVICES, {
    arguments: [{ name: 'NAME', complete: 'group' }],
    path: (input) => `groups/${path(input.argument(0))}/devices`,
  }),
]
