import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Api } from './api/client.ts'
import { contextsFile, readContexts, writeContexts, type Context } from './api/contexts.ts'
import { openTransport } from './api/transport.ts'
import { UsageError, type Input, type Noun } from './command/command.ts'
import { CommandError, EXIT } from './exit.ts'
import { printDone, printItems, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import type { SessionCommand } from './verbs.ts'

const CONTEXTS: ListShape = {
  id: (item) => String(item['name']),
  columns: [
    { head: 'NAME', from: 'name' },
    { head: 'SERVER', from: 'server' },
    { head: 'STATE', from: 'state' },
  ],
}

function parseUrl(given: string, { command }: Input): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url
  throw new UsageError(`${given} is no server; e.g. https://muster.example:8443`, command)
}

async function tokenOf(session: Session, input: Input): Promise<string> {
  const file = input.text('token-file')
  if (file !== undefined) return (await readFile(file, 'utf8')).trim()
  if (input.flag('token-stdin')) return (await text(process.stdin)).trim()
  if (session.asker.interactive) return session.asker.question('Token: ')
  throw new UsageError('--token-stdin or --token-file is needed', input.command)
}

async function login(session: Session, input: Input): Promise<void> {
  const url = parseUrl(input.argument(0), input)
  const name = input.text('name') ?? url.hostname
  const caFile = input.text('ca')
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8')
  const token = await tokenOf(session, input)
  if (token === '') throw new CommandError('the token is empty', EXIT.usage)
  // Kept only when the server takes it.
  await new Api(openTransport({ url, ca, token })).page('devices', { limit: 1 })
  const { contexts } = await readContexts(session.env)
  const context: Context = { server: url.origin, ca, token }
  await writeContexts(session.env, { current: name, contexts: { ...contexts, [name]: context } })
  printDone(session, `context ${name}: ${url.origin}, kept in ${contextsFile(session.env)}`, {
    name,
  })
}

const loginCommand: SessionCommand = {
  path: ['login'],
  summary: 'remembers a server and its token',
  arguments: [{ name: 'URL' }],
  options: [
    { name: 'token-stdin', summary: 'reads the token from standard input' },
    { name: 'name', value: 'NAME', summary: 'what to call it (its host)' },
  ],
  run: login,
}

const logoutCommand: SessionCommand = {
  path: ['logout'],
  summary: 'forgets the current server, or the one that is named',
  arguments: [{ name: 'NAME', optional: true, complete: 'context' }],
  run: async (session, input) => {
    const { current, contexts } = await readContexts(session.env)
    const name = input.arguments[0] ?? current
    if (name === undefined || contexts[name] === undefined) {
      throw new CommandError(`no context ${name ?? 'is current'}`, EXIT.notFound)
    }
    const { [name]: _forgotten, ...rest } = contexts
    const next = current === name ? undefined : current
    await writeContexts(session.env, { current: next, contexts: rest })
    printDone(session, `context ${name}: forgotten; its token stays valid until it is revoked`, {
      name,
    })
  },
}

const listCommand: SessionCommand = {
  path: ['context', 'list'],
  summary: 'lists the servers that login remembered',
  run: async (session) => {
    const { current, contexts } = await readContexts(session.env)
    const items = Object.entries(contexts).map(([name, { server }]) => ({
      name,
      server,
      state: name === current ? 'current' : '',
    }))
    printItems(session, CONTEXTS, items)
  },
}

const useCommand: SessionCommand = {
  path: ['context', 'use'],
  summary: 'makes one of them the current one',
  arguments: [{ name: 'NAME', complete: 'context' }],
  run: async (session, input) => {
    const name = input.argument(0)
    const { contexts } = await readContexts(session.env)
    if (contexts[name] === undefined) throw new CommandError(`no context ${name}`, EXIT.notFound)
    await writeContexts(session.env, { current: name, contexts })
    printDone(session, `context ${name}: current`, { name })
  },
}

export const contextNoun: Noun = {
  name: 'context',
  summary: 'Contexts: servers that login remembered.',
  examples: ['muster login https://muster.example:8443 --ca ca.pem --token-stdin < token'],
}

export const loginCommands: readonly SessionCommand[] = [
  loginCommand,
  logoutCommand,
  listCommand,
  useCommand,
]
