// Runs the programs a user would run: openssl, curl, mosquitto_pub, ./muster.
import { spawn, type ChildProcess } from 'node:child_process'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Buffer
  readonly seconds?: number
}

/** Runs a program to its end; killed after `seconds`. Never throws for an exit code. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, input, seconds = 60 }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    ...(cwd !== undefined && { cwd }),
  })
  child.stdin.on('error', () => undefined) // it may end before it has read everything
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    exitOf(child),
  ])
  return { code, stdout, stderr }
}

/** Like `run`, and an error that shows both streams unless the program ended with 0. */
export async function runOk(
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${stdout}\n${stderr}`)
  }
  return stdout
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk.toString()
  return text
}

/** The exit code; 128 and more when a signal ended it. */
export async function exitOf(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  child.once('error', reject)
  child.once('close', (code) => resolve(code ?? 128))
  return promise
}
