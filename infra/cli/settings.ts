import { path } from './api/client.ts'
import type { Noun } from './command/command.ts'
import { jsonOrText } from './fields.ts'
import { printDone } from './output.ts'
import { edit, listCommand, showCommand, type Resource, type SessionCommand } from './verbs.ts'

export const SETTINGS: Resource = {
  noun: 'settings',
  path: 'settings',
  argument: 'NAME',
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'VALUE', from: 'value' },
    { head: 'DEFAULT', from: 'default' },
    { head: 'ABOUT', from: 'about' },
    { head: 'BY', from: 'updated_by', wide: true },
    { head: 'AT', from: 'updated_at', kind: 'time', wide: true },
  ],
}

const set: SessionCommand = {
  path: ['settings', 'set'],
  summary: 'changes one, live within ten seconds; VALUE is JSON, or a text',
  arguments: [{ name: 'NAME', complete: 'settings' }, { name: 'VALUE' }],
  run: async (session, input) => {
    const name = input.argument(0)
    const item = await edit(session, SETTINGS, name, () => ({
      value: jsonOrText(input.argument(1)),
    }))
    printDone(session, `settings ${name}: ${JSON.stringify(item['value'])}`, item, SETTINGS)
  },
}

const reset: SessionCommand = {
  path: ['settings', 'reset'],
  summary: 'goes back to the default',
  arguments: [{ name: 'NAME', complete: 'settings' }],
  run: async (session, input) => {
    const name = input.argument(0)
    const api = await session.api()
    const { etag } = await api.get(`settings/${path(name)}`)
    const item = await api.delete(`settings/${path(name)}`, etag)
    printDone(
      session,
      `settings ${name}: ${JSON.stringify(item['value'])}, the default`,
      item,
      SETTINGS,
    )
  },
}

export const settingsNoun: Noun = {
  name: 'settings',
  summary: 'Settings: policy that lives in the database.',
  examples: ['muster settings set rollout.approval true'],
}

export const settingsCommands: readonly SessionCommand[] = [
  listCommand(SETTINGS),
  showCommand(SETTINGS),
  set,
  reset,
]
