import { chmod, mkdir, open, rename } from 'node:fs/promises'
import path from 'node:path'
import { readIfThere } from '../broker/replace-file.ts'

/** Everything that HAProxy is told by files; each can change while it runs. */
export interface EdgeState {
  /** PEM of the server's certificate with its chain, then its key. */
  readonly server: string
  /** PEM of all authorities whose certificates clients may show, roots too. */
  readonly authorities: string
  readonly crls: string
  /** `kid:key` in base64, by function. */
  readonly hopKeys: ReadonlyMap<string, string>
  readonly limits: EdgeLimits
}

export interface EdgeLimits {
  /** Connections of one source at once. */
  readonly open: number
  /** New ones of one source within five seconds. */
  readonly burst: number
  /** Addresses and networks without these limits. */
  readonly trusted: readonly string[]
}

/** Its files by name, in the order in which they are to be told to a running HAProxy. */
export const EDGE_FILES = [
  'server.pem',
  'clients.pem',
  'clients.crl',
  'hop-keys.map',
  'limits.map',
  'trusted-sources',
] as const
export type EdgeFile = (typeof EDGE_FILES)[number]

export function edgeTexts({
  server,
  authorities,
  crls,
  hopKeys,
  limits,
}: EdgeState): Record<EdgeFile, string> {
  return {
    'server.pem': server,
    'clients.pem': authorities,
    'clients.crl': crls,
    'hop-keys.map': lines([...hopKeys].map(([name, key]) => `${name} ${key}`)),
    'limits.map': lines([`open ${limits.open}`, `burst ${limits.burst}`]),
    'trusted-sources': lines(limits.trusted),
  }
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}

/** Writes what is not there as it should be; tells which files were changed. */
export async function writeEdgeFiles(folder: string, state: EdgeState): Promise<EdgeFile[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const texts = edgeTexts(state)
  const changed: EdgeFile[] = []
  for (const name of EDGE_FILES) {
    const file = path.join(folder, name)
    if ((await readIfThere(file)) === texts[name]) continue
    await replacePrivate(file, texts[name])
    changed.push(name)
  }
  return changed
}

// Keys among them, so all for the owner alone: agent and HAProxy run as one user.
async function replacePrivate(file: string, text: string): Promise<void> {
  const made = path.join(path.dirname(file), `.${path.basename(file)}.new`)
  const handle = await open(made, 'w', 0o600)
  try {
    await chmod(made, 0o600)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(made, file)
}
