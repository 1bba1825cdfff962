// Several programs in one container: the agent that keeps a program's files, and the program, share a process tree and end together.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

// The database may be under way, or not set up yet.
const PREPARE_TRIES = 60
const PREPARE_WAIT_MS = 1000
const USAGE = 2

export type Command = readonly [program: string, ...args: string[]]

export interface Supervised {
  /** Run to its end before the others, again while it fails, unless the configuration is at fault. */
  readonly prepare: Command
  readonly parts: readonly Command[]
}

/** Runs them until one ends or this process is asked to; the exit code: whoever runs the container starts all again. */
export async function supervise({ prepare, parts }: Supervised): Promise<number> {
  const supervisor = new Supervisor()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop())
  const prepared = await supervisor.prepare(prepare)
  if (prepared !== 0 || supervisor.stopping) return supervisor.stopping ? 0 : prepared
  const ends = parts.map((part) => supervisor.start(part))
  const first = await Promise.race(ends)
  const asked = supervisor.stopping
  supervisor.stop()
  await Promise.all(ends)
  return asked ? 0 : Math.max(first, 1)
}

class Supervisor {
  readonly #running = new Set<ChildProcess>()
  stopping = false

  start([program, ...args]: Command): Promise<number> {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    this.#running.add(child)
    const ended = Promise.withResolvers<number>()
    child.once('error', (error) => {
      process.stderr.write(`${program}: ${error.message}\n`)
      ended.resolve(1)
    })
    void once(child, 'exit').then(
      ([code]) => ended.resolve(typeof code === 'number' ? code : 1),
      () => undefined,
    )
    return ended.promise.finally(() => this.#running.delete(child))
  }

  stop(): void {
    this.stopping = true
    for (const child of this.#running) child.kill('SIGTERM')
  }

  async prepare(command: Command): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const code = await this.start(command)
      if (code === 0 || code === USAGE || this.stopping || attempt === PREPARE_TRIES) return code
      await sleep(PREPARE_WAIT_MS)
    }
  }
}
