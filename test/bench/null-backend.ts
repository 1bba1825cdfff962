// The best denominator: a broker of its own and a small process that answers each update with `accepted` at once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { exitOf } from '../support/exec.ts'
import type { Mosquitto } from '../support/mosquitto.ts'

export interface NullBackend extends AsyncDisposable {
  readonly pid: number
}

/** Subscribes at the broker; returns when it answers. */
export async function startNullBackend(program: string, broker: Mosquitto): Promise<NullBackend> {
  const child = spawn(program, ['-mode', 'echo', '-address', `127.0.0.1:${broker.port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = exitOf(child)
  await Promise.race([once(child.stdout, 'data'), exit]) // READY
  if (child.exitCode !== null) throw new Error(`the null backend ended with ${child.exitCode}`)
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exit
    },
  }
}
