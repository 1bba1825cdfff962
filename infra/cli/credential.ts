import { open } from 'node:fs/promises'
import type { Item, Json } from './api/client.ts'
import type { Input, Noun, Option } from './command/command.ts'
import { fields } from './fields.ts'
import { momentOption } from './moment-option.ts'
import { printDone, printItem } from './output.ts'
import { printSecret } from './secret.ts'
import type { Session } from './session.ts'
import { deleteCommand, edit, listCommand, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

export const CREDENTIALS: Resource = {
  noun: 'credential',
  path: 'credentials',
  argument: 'NAME',
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'KIND', from: 'kind' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'USES', from: (item) => `${String(item['uses'])}/${String(item['max_uses'])}` },
    { head: 'FAILED', from: 'failed', kind: 'count' },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'LAST-USED', from: 'last_used', kind: 'time', wide: true },
    { head: 'HARDWARE', from: 'hardware_revs', wide: true },
    { head: 'NETWORKS', from: 'networks', wide: true },
  ],
}

const BOUNDS: readonly Option[] = [
  { name: 'expires', value: 'WHEN', summary: 'its end: 24h, 30d, a date, a time' },
  { name: 'hardware', value: 'REV', many: true, summary: 'only for this hardware; again for more' },
  { name: 'network', value: 'CIDR', many: true, summary: 'only from this network; again for more' },
]

const listOf = (values: readonly string[]): Json | undefined =>
  values.length === 0 ? undefined : values.filter((each) => each !== '')

function bounds(session: Session, input: Input): Record<string, Json | undefined> {
  return {
    expires_at: momentOption(session, input, 'expires'),
    hardware_revs: listOf(input.texts('hardware')),
    networks: listOf(input.texts('network')),
  }
}

const KINDS = ['token', 'claim', 'shared-key'] as const

/** What is told once goes to a file that only the caller reads, or to standard output. */
async function writeSecret(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
}

async function tell(session: Session, input: Input, made: Item): Promise<void> {
  const file = input.text('out')
  if (file === undefined) return printSecret(session, made, CREDENTIALS)
  const { secret, certificate, chain, ...rest } = made
  await writeSecret(file, `${String(secret).trimEnd()}\n`)
  if (typeof certificate === 'string') {
    await writeSecret(`${file}.pem`, certificate + (typeof chain === 'string' ? chain : ''))
  }
  const line = `credential ${CREDENTIALS.id(made)}: made, its secret is in ${file}`
  return printDone(session, line, rest, CREDENTIALS)
}

const create: SessionCommand = {
  path: ['credential', 'create'],
  summary: 'makes one; its secret is told once',
  arguments: [{ name: 'KIND', choices: KINDS }],
  options: [
    { name: 'name', value: 'NAME', summary: 'what to call it; a token names itself' },
    { name: 'uses', value: 'N', summary: 'how many enrolments it is good for' },
    ...BOUNDS,
    { name: 'starts', value: 'WHEN', summary: 'its beginning' },
    {
      name: 'out',
      value: 'FILE',
      complete: 'file',
      summary: 'a new file for the secret; for a claim, FILE.pem gets its certificates',
    },
  ],
  run: async (session, input) => {
    const body = {
      kind: input.argument(0).replace('-', '_'),
      name: input.text('name'),
      max_uses: input.integer('uses', 1),
      starts_at: momentOption(session, input, 'starts'),
      ...bounds(session, input),
    }
    await tell(session, input, await (await session.api()).post('credentials', body))
  },
}

const change: SessionCommand = {
  path: ['credential', 'edit'],
  summary: 'changes its end or what it is good for',
  arguments: [{ name: 'NAME', complete: 'credential' }],
  options: BOUNDS,
  run: async (session, input) => {
    const said = fields(bounds(session, input), input.command)
    printItem(session, await edit(session, CREDENTIALS, input.argument(0), () => said), CREDENTIALS)
  },
}

function switchCommand(verb: 'enable' | 'disable', summary: string): SessionCommand {
  return {
    path: ['credential', verb],
    summary,
    arguments: [{ name: 'NAME', many: true, complete: 'credential' }],
    run: async (session, input) => {
      for (const name of input.arguments) {
        const item = await edit(session, CREDENTIALS, name, () => ({ enabled: verb === 'enable' }))
        printDone(session, `credential ${name}: ${verb}d`, item, CREDENTIALS)
      }
    },
  }
}

export const credentialNoun: Noun = {
  name: 'credential',
  summary: 'Bootstrap credentials: what a device shows to enrol.',
  examples: ['muster credential create token --uses 1 --expires 24h    prints the secret once'],
}

export const credentialCommands: readonly SessionCommand[] = [
  listCommand(CREDENTIALS),
  showCommand(CREDENTIALS),
  create,
  change,
  deleteCommand(CREDENTIALS, 'delete', 'removes credentials'),
  switchCommand('enable', 'lets them be used again'),
  switchCommand('disable', 'refuses them until they are enabled'),
]
