import { connect } from 'node:net'
import path from 'node:path'
import type { EdgeFile } from './files.ts'

/** What can be told; HAProxy 2.6 goes on showing its old certificate to clients without SNI, so that one needs a reload. */
export type ToldFile = Exclude<EdgeFile, 'server.pem'>

/** HAProxy does not run, or its socket is another's. */
export class RuntimeGone extends Error {}

/** HAProxy said no. */
export class RuntimeFault extends Error {}

/** A command with its payload must fit into one buffer of HAProxy (tune.bufsize, less what it keeps free). */
export const PAYLOAD_BYTES = 20_000
const TIMEOUT_MS = 5_000

/** Asks one command of a socket of HAProxy's and waits for the whole answer. */
export function ask(socketFile: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(socketFile, () => socket.end(`${command}\n`))
    const fail = (cause: Error) =>
      reject(new RuntimeGone(`${socketFile} does not answer`, { cause }))
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('silent')))
    socket.on('error', fail)
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(answer.trim()))
  })
}

/** The sockets of a running HAProxy. */
export interface Runtime {
  /** Tells one file's new text, without a reload. */
  readonly tell: (file: ToldFile, text: string) => Promise<void>
  /** Starts a new process with all files as they are; the old one finishes what it has. */
  readonly reload: () => Promise<void>
}

export function openRuntime(filesFolder: string, runFolder: string): Runtime {
  const admin = path.join(runFolder, 'admin.sock')
  const expect = async (command: string, wanted: RegExp): Promise<string> => {
    const answer = await ask(admin, command)
    if (!wanted.test(answer)) {
      const [what = ''] = command.split('\n', 1)
      throw new RuntimeFault(`haproxy: ${what}: ${answer.split('\n').at(-1) ?? ''}`)
    }
    return answer
  }
  return {
    tell: (file, text) => {
      const name = path.join(filesFolder, file)
      const kind = TOLD[file]
      return kind === 'map' || kind === 'acl'
        ? tellList(expect, kind, name, text)
        : tellTls(expect, kind, name, text)
    },
    reload: async () => {
      const answer = await ask(path.join(runFolder, 'master.sock'), 'reload')
      // 2.6 ends the connection without a word, 3.0 says how it went.
      if (/Success=0/.test(answer)) throw new RuntimeFault('haproxy: reload failed; see its log')
    },
  }
}

const TOLD = {
  'clients.pem': 'ca-file',
  'clients.crl': 'crl-file',
  'hop-keys.map': 'map',
  'limits.map': 'map',
  'trusted-sources': 'acl',
} as const satisfies Record<ToldFile, string>

type Expect = (command: string, wanted: RegExp) => Promise<string>

async function tellTls(expect: Expect, kind: string, name: string, pem: string): Promise<void> {
  // An empty line would end the payload.
  const payload = pem.replace(/\n{2,}/g, '\n')
  try {
    await expect(`set ssl ${kind} ${name} <<\n${payload}`, /[Tt]ransaction (created|updated)/)
    await expect(`commit ssl ${kind} ${name}`, /Success/)
  } catch (error) {
    await expect(`abort ssl ${kind} ${name}`, /./).catch(() => undefined)
    throw error
  }
}

/** All entries at once: until the commit whoever looks finds the old ones. */
async function tellList(
  expect: Expect,
  kind: 'map' | 'acl',
  name: string,
  text: string,
): Promise<void> {
  const prepared = await expect(`prepare ${kind} ${name}`, /New version created: \d+/)
  const version = /created: (\d+)/.exec(prepared)?.[1] ?? ''
  for (const line of text.split('\n').filter(Boolean))
    await expect(`add ${kind} @${version} ${name} ${line}`, /^$/)
  await expect(`commit ${kind} @${version} ${name}`, /^$/)
}
