import { Api } from './api/client.ts'
import { findServer, type Found } from './api/find-server.ts'
import { openTransport, type Transport } from './api/transport.ts'
import type { Input, Option } from './command/command.ts'
import { terminalAsker, type Asker } from './terminal/ask.ts'

export const FORMATS = ['table', 'wide', 'json', 'ndjson', 'csv', 'id'] as const
export type Format = (typeof FORMATS)[number]

/** Options of every command. */
export const GLOBALS: readonly Option[] = [
  { name: 'server', value: 'URL', summary: 'the server, with its --ca and --token-file' },
  { name: 'ca', value: 'FILE', complete: 'file', summary: 'CA certificates (PEM) to trust' },
  { name: 'token-file', value: 'FILE', complete: 'file', summary: 'a file that holds the token' },
  {
    name: 'context',
    value: 'NAME',
    complete: 'context',
    summary: 'a server that login remembered',
  },
  { name: 'output', short: 'o', value: 'FORMAT', choices: FORMATS, summary: 'how to print' },
  { name: 'json', summary: 'the same as -o json: what the API answers' },
]

/** What a command gets of the world. */
export interface Session {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  readonly asker: Asker
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly format: Format
  now(): Date
  server(): Promise<Found>
  transport(): Promise<Transport>
  api(): Promise<Api>
}

function formatOf(input: Input): Format {
  const given = FORMATS.find((format) => format === input.text('output'))
  return given ?? (input.flag('json') ? 'json' : 'table')
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** A session of one command line; nothing is opened before it is asked for. */
export function openSession(input: Input, signal: AbortSignal): Session {
  const { env } = process
  const server = once(async () => {
    const found = await findServer({
      server: input.text('server'),
      ca: input.text('ca'),
      tokenFile: input.text('token-file'),
      context: input.text('context'),
      env,
      folder: process.cwd(),
    })
    if (found.from !== undefined && process.stderr.isTTY) {
      process.stderr.write(`${found.url.origin} (${found.from})\n`)
    }
    return found
  })
  const transport = once(async () => openTransport(await server()))
  return {
    env,
    folder: process.cwd(),
    out: process.stdout,
    err: process.stderr,
    asker: terminalAsker(),
    signal,
    format: formatOf(input),
    now: () => new Date(),
    server,
    transport,
    api: once(async () => new Api(await transport())),
  }
}
