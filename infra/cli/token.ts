import type { Noun } from './command/command.ts'
import { confirm, YES } from './confirm.ts'
import { momentOption } from './moment-option.ts'
import { printDone } from './output.ts'
import { printSecret } from './secret.ts'
import { path } from './api/client.ts'
import { listCommand, severalOf, showCommand, type Resource, type SessionCommand } from './verbs.ts'

export const TOKENS: Resource = {
  noun: 'token',
  path: 'tokens',
  argument: 'NAME',
  id: (item) => String(item['id']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'SCOPE', from: 'scope' },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'LAST-USED', from: 'last_used' },
    { head: 'ID', from: 'id', wide: true },
  ],
}

const create: SessionCommand = {
  path: ['token', 'create'],
  summary: 'makes one; its secret is told once',
  arguments: [{ name: 'NAME' }],
  options: [
    {
      name: 'scope',
      value: 'SCOPE',
      many: true,
      summary:
        'read, operate, admin, each also for a noun (operate:allowlist), or metrics; again for more',
    },
    { name: 'expires', value: 'WHEN', summary: 'its end: 90d, a date, a time' },
  ],
  run: async (session, input) => {
    input.required('scope')
    const body = {
      name: input.argument(0),
      scope: input.texts('scope'),
      expires_at: momentOption(session, input, 'expires'),
    }
    printSecret(session, await (await session.api()).post('tokens', body), TOKENS)
  },
}

const revoke: SessionCommand = {
  path: ['token', 'revoke'],
  summary: 'ends tokens for good',
  arguments: [severalOf(TOKENS)],
  options: [YES],
  run: async (session, input) => {
    await confirm(session, input, `revoke token ${input.arguments.join(', ')}`)
    const api = await session.api()
    for (const name of input.arguments) {
      const item = await api.delete(`tokens/${path(name)}`)
      printDone(session, `token ${name}: revoked`, item, TOKENS)
    }
  },
}

export const tokenNoun: Noun = {
  name: 'token',
  summary: "Tokens: operators' and programs' access to the API.",
  examples: ['muster token create factory --scope operate:allowlist --expires 30d'],
}

export const tokenCommands: readonly SessionCommand[] = [
  listCommand(TOKENS),
  showCommand(TOKENS),
  create,
  revoke,
]
