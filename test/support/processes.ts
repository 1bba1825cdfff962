// Parts of the product as processes of their own, as they run in production.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const ROOT = new URL('../../', import.meta.url)

export interface Running extends AsyncDisposable {
  readonly pid: number
  /** Lines of standard output so far. */
  readonly lines: string[]
  readonly alive: boolean
  readonly exited: Promise<number | null>
  kill(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a source file as a process that ends with this one. */
export function startProcess(
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Running {
  const { PATH = '', HOME = '' } = process.env
  const child: ChildProcess = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', process.execPath, file, ...args],
    { cwd: ROOT, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    if (process.env['MUSTER_TEST_LOG'] !== undefined) process.stderr.write(chunk)
  })
  let alive = true
  const gone = once(child, 'exit').then(([code]) => {
    alive = false
    return typeof code === 'number' ? code : null
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (alive) child.kill(signal)
    return gone
  }
  return {
    pid: child.pid ?? 0,
    lines,
    exited: gone,
    get alive() {
      return alive
    },
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill()
    },
  }
}
