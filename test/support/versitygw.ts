// An S3 server for tests: versitygw over a folder, built by .ci/tools.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { needs } from './needs.ts'
import { freePorts } from './ports.ts'

const TOOLS = process.env['MUSTER_TOOLS'] ?? path.join(homedir(), '.cache', 'muster-tools')
const BINARY = path.join(TOOLS, 'versitygw-v1.8.0', 'versitygw')

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
}

/** Options of a test that needs the server. */
export const versitygw = needs('versitygw', existsSync(BINARY))

export async function startVersitygw(): Promise<S3Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 's3-'))
  mkdirSync(path.join(folder, 'data'))
  const [port = 0] = await freePorts(1)
  const args = ['--port', `127.0.0.1:${port}`, '--access', 'muster', '--secret', 'not-a-secret']
  const child = spawn(BINARY, [...args, 'posix', path.join(folder, 'data')], {
    stdio: 'ignore',
    cwd: folder,
  })
  const endpoint = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    )
    if (up) break
    if (tries === 200) throw new Error('versitygw does not answer')
    await sleep(50)
  }
  return {
    endpoint,
    accessKey: 'muster',
    secretKey: 'not-a-secret',
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
