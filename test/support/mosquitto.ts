// A real Mosquitto of the test's own, on a free port of the loopback.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './ports.ts'

const BINARIES = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/usr/local/sbin/mosquitto']
const BINARY = BINARIES.find((each) => existsSync(each))

export const hasMosquitto = BINARY !== undefined

export interface MosquittoOptions {
  readonly autosaveSeconds?: number
  readonly extra?: readonly string[]
}

export interface Mosquitto extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Of the process that runs now; 0: none. */
  readonly pid: number
  /** Stops it, with -9 unless asked gently; its database stays. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Starts it again on the same port; `empty`: without what it had stored. */
  restart(options?: { readonly empty?: boolean; readonly snapshot?: Buffer }): Promise<void>
  /** What it has stored on disk; empty before its first autosave. */
  snapshot(): Promise<Buffer>
}

function configuration(port: number, folder: string, options: MosquittoOptions): string {
  const { autosaveSeconds = 1800, extra = [] } = options
  return [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'max_inflight_messages 2000',
    'max_queued_messages 100000',
    'message_size_limit 4194304',
    'sys_interval 1',
    'log_dest topic',
    'log_type notice',
    'log_type subscribe',
    'persistence true',
    `persistence_location ${folder}/`,
    `autosave_interval ${autosaveSeconds}`,
    ...extra,
    '',
  ].join('\n')
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.destroy()
      return
    } catch (error) {
      if (tries === 200) throw error
      await sleep(20)
    }
  }
}

async function launch(file: string, port: number): Promise<ChildProcess> {
  const args = ['--pdeathsig', 'KILL', BINARY ?? 'mosquitto', '-c', file]
  const child = spawn('setpriv', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  await untilOpen(port)
  // A test that failed on its way must not keep the process; the broker ends with it.
  child.unref()
  return child
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mosquitto-'))
  const [port = 0] = await freePorts(1)
  const file = path.join(folder, 'mosquitto.conf')
  const stored = path.join(folder, 'mosquitto.db')
  // Started as root it becomes the user mosquitto, who could not write here.
  const user = process.getuid?.() === 0 ? ['user root'] : []
  writeFileSync(
    file,
    configuration(port, folder, { ...options, extra: [...user, ...(options.extra ?? [])] }),
  )
  let child: ChildProcess | undefined = await launch(file, port)
  const kill = async (signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL') => {
    if (child === undefined) return
    child.ref()
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
    child = undefined
  }
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    get pid() {
      return child?.pid ?? 0
    },
    kill,
    snapshot: () => readFile(stored),
    restart: async ({ empty = false, snapshot } = {}) => {
      await kill()
      if (empty) rmSync(stored, { force: true })
      if (snapshot !== undefined) writeFileSync(stored, snapshot)
      child = await launch(file, port)
    },
    [Symbol.asyncDispose]: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
