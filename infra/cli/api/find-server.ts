import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { readContexts } from './contexts.ts'
import { readPrivate } from './private-file.ts'
import type { Server } from './transport.ts'

/** No server is named, or it is named wrongly. */
export class NoServerError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoServerError'
  }
}

export interface Ask {
  /** Of the options `--server`, `--ca`, `--token-file`, `--context`. */
  readonly server?: string | undefined
  readonly ca?: string | undefined
  readonly tokenFile?: string | undefined
  readonly context?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
}

export interface Found extends Server {
  /** Where it was found, where that is not said by the command line or the environment. */
  readonly from?: string
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '') {
    throw new NoServerError(`${text} is no server; e.g. https://muster.example:8443`)
  }
  return url
}

async function fileText(file: string, what: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new NoServerError(`the ${what} ${file} cannot be read (${code})`)
  }
}

async function fromOptions({ server, ca, tokenFile }: Ask): Promise<Found | undefined> {
  if (server === undefined) {
    const lonely = ca === undefined ? tokenFile && '--token-file' : '--ca'
    if (lonely)
      throw new NoServerError(`${lonely} needs --server: a token goes to its own server only`)
    return undefined
  }
  return {
    url: parseUrl(server),
    ca: ca === undefined ? undefined : await fileText(ca, 'CA file'),
    token: tokenFile === undefined ? undefined : await fileText(tokenFile, 'token file'),
  }
}

async function fromEnvironment({ env }: Ask): Promise<Found | undefined> {
  const server = env['MUSTER_SERVER']
  const tokenFile = env['MUSTER_TOKEN_FILE']
  if (server === undefined || server === '') {
    const lonely = ['MUSTER_TOKEN', 'MUSTER_TOKEN_FILE', 'MUSTER_CA'].find((name) => env[name])
    if (lonely) throw new NoServerError(`${lonely} is set, MUSTER_SERVER is not`)
    return undefined
  }
  const ca = env['MUSTER_CA']
  return {
    url: parseUrl(server),
    ca: ca ? await fileText(ca, 'CA file') : undefined,
    token: tokenFile ? await fileText(tokenFile, 'token file') : env['MUSTER_TOKEN'] || undefined,
  }
}

async function fromContexts({ context, env }: Ask): Promise<Found | undefined> {
  const { current, contexts } = await readContexts(env)
  const name = context ?? current
  if (name === undefined) return undefined
  const known = contexts[name]
  if (known === undefined) {
    const names = Object.keys(contexts).join(', ') || 'none'
    throw new NoServerError(`no context ${name}; there are: ${names}`)
  }
  const found = { url: parseUrl(known.server), ca: known.ca, token: known.token }
  return context === undefined ? { ...found, from: `context ${name}` } : found
}

interface CliFile {
  readonly url: string
  readonly ca_sha256: string
  readonly ca_file: string
  readonly token_file: string
}

const CLI_FILE_NAMES = ['url', 'ca_sha256', 'ca_file', 'token_file'] as const

function isCliFile(value: unknown): value is CliFile {
  if (typeof value !== 'object' || value === null) return false
  const given: Partial<Record<string, unknown>> = { ...value }
  return CLI_FILE_NAMES.every((name) => typeof given[name] === 'string')
}

function readCliFile(text: string): CliFile | undefined {
  const value: unknown = JSON.parse(text)
  return isCliFile(value) ? value : undefined
}

/** The CA of the data directory, if it is still the one that was written down. */
async function pinnedCa(file: string, sha256: string): Promise<string> {
  const pem = await fileText(file, 'CA file')
  const hash = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
  if (hash !== sha256) throw new NoServerError(`${file} is not the CA that cli.json names`)
  return pem
}

async function fromDataFolder(folder: string): Promise<Found | undefined> {
  const file = path.join(folder, 'cli.json')
  const text = await readPrivate(file)
  if (text === undefined) return undefined
  const known = readCliFile(text)
  if (known === undefined) throw new NoServerError(`${file} is not what npm start writes`)
  return {
    url: parseUrl(known.url),
    ca: await pinnedCa(path.resolve(folder, known.ca_file), known.ca_sha256),
    token: (await readPrivate(path.resolve(folder, known.token_file)))?.trim(),
    from: file,
  }
}

/** The nearest `.muster` upwards, or where `MUSTER_DATA` says. */
async function fromNearestFolder({ env, folder }: Ask): Promise<Found | undefined> {
  const named = env['MUSTER_DATA']
  if (named) return fromDataFolder(path.resolve(folder, named))
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const found = await fromDataFolder(path.join(at, '.muster'))
    if (found || at === path.dirname(at)) return found
  }
}

/**
 * The server, its CA and the token, all from the first place that names a server, never mixed: options, environment, context, data directory.
 * @throws {NoServerError}
 */
export async function findServer(ask: Ask): Promise<Found> {
  const found =
    (await fromOptions(ask)) ??
    (ask.context === undefined ? await fromEnvironment(ask) : undefined) ??
    (await fromContexts(ask)) ??
    (await fromNearestFolder(ask))
  if (found) return found
  throw new NoServerError('no server is known; npm start makes one here, or give --server')
}
