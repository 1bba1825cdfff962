// Real S3 servers for tests: versitygw over a folder, built by .ci/tools, and MinIO, built by .ci/minio for `npm run test:full`.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { needs, needsBuilt } from './needs.ts'
import { freePorts } from './ports.ts'

const TOOLS = process.env['MUSTER_TOOLS'] ?? path.join(homedir(), '.cache', 'muster-tools')
const VERSITYGW = path.join(TOOLS, 'versitygw-v1.8.0', 'versitygw')
const MINIO = path.join(TOOLS, 'minio-v0.0.0-20260212201848-7aac2a2c5b7c', 'minio')
const ACCESS_KEY = 'muster'
const SECRET_KEY = 'not-a-secret'
const STARTS_WITHIN_MS = 10_000
const LOOK_MS = 50

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
}

/** Options of a test that needs the server. */
export const versitygw = needs('versitygw', existsSync(VERSITYGW))
export const minio = needsBuilt('MinIO', existsSync(MINIO))

export const startVersitygw = (): Promise<S3Server> =>
  start(VERSITYGW, (port, data) => [
    ...['--port', `127.0.0.1:${port}`, '--access', ACCESS_KEY, '--secret', SECRET_KEY],
    ...['posix', data],
  ])

export const startMinio = (): Promise<S3Server> =>
  start(MINIO, (port, data) => ['server', data, '--address', `127.0.0.1:${port}`, '--quiet'])

async function start(
  program: string,
  argumentsOf: (port: number, data: string) => readonly string[],
): Promise<S3Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 's3-'))
  const data = path.join(folder, 'data')
  mkdirSync(data)
  const [port = 0] = await freePorts(1)
  const child = spawn(program, argumentsOf(port, data), {
    stdio: 'ignore',
    cwd: folder,
    env: { HOME: folder, MINIO_ROOT_USER: ACCESS_KEY, MINIO_ROOT_PASSWORD: SECRET_KEY },
  })
  const endpoint = `http://127.0.0.1:${port}`
  await answers(endpoint, path.basename(program))
  return {
    endpoint,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => {
        child.once('exit', resolve)
      })
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answers(endpoint: string, name: string): Promise<void> {
  for (const end = Date.now() + STARTS_WITHIN_MS; ; await sleep(LOOK_MS)) {
    // MinIO answers 503 until it is ready.
    const status = await fetch(endpoint).then(
      (response) => response.status,
      () => 503,
    )
    if (status !== 503) return
    if (Date.now() > end) throw new Error(`${name} does not answer`)
  }
}
