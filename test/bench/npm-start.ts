// `npm start` as a user runs it: npm, and below it the process that stops on SIGTERM.
import { spawn, type ChildProcess } from 'node:child_process'
import { exitOf } from '../support/exec.ts'
import { ROOT, type Muster } from '../support/muster.ts'
import { processTree } from './processes.ts'

const READY = /^Ready in (\d+\.\d) s$/m

export interface NpmStart extends AsyncDisposable {
  /** From the start of npm to the line "Ready in". */
  readonly seconds: number
  /** npm, the root of the tree. */
  readonly pid: number
  /** The process that npm runs. */
  readonly nodePid: number
}

/** PATH without what npm put before it for the benchmark itself, so that npm runs as from a shell. */
function shellPath(): string {
  const { PATH = '' } = process.env
  return PATH.split(':')
    .filter((folder) => !folder.includes('node_modules') && !folder.includes('node-gyp-bin'))
    .join(':')
}

/** The environment of a shell with Muster's settings; the log as it is by default. */
export function shellEnv({ env: { LOG_LEVEL: _level, ...settings } }: Muster) {
  const { HOME = '' } = process.env
  return { PATH: shellPath(), HOME, npm_config_update_notifier: 'false', ...settings }
}

async function untilReady(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (READY.test(said)) resolve()
  })
  child.once('error', reject)
  child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${said}`)))
  await promise
}

/** Runs `npm start` on this instance's data until it is ready; disposed, it has ended. */
export async function npmStart(muster: Muster): Promise<NpmStart> {
  const started = performance.now()
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env: shellEnv(muster),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = exitOf(child)
  await untilReady(child)
  const seconds = (performance.now() - started) / 1000
  const [pid = 0, nodePid = 0] = processTree(child.pid ?? 0)
  return {
    seconds,
    pid,
    nodePid,
    [Symbol.asyncDispose]: async () => {
      process.kill(nodePid, 'SIGTERM')
      const code = await exit
      if (code !== 0) throw new Error(`npm start ended with ${code}`)
    },
  }
}
