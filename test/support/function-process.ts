// shadow-update as a process of its own, from a bundle, with an operator's writes signed as the edge signs them.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { deriveHopKey, formatHopKeys } from '../../shared/hop/keys.ts'
import { exitOf } from './exec.ts'
import { freePorts } from './ports.ts'
import { operatorRequest } from './shadow-fleet.ts'
import { until } from './until.ts'

export interface ShadowProcess extends AsyncDisposable {
  /** Writes what is desired of a device; the answer's status and body. */
  desire(token: string, deviceId: string, n: number): Promise<{ status: number; text: string }>
}

/** Starts `dist/shadow-update/index.mjs` below a folder. */
export async function startShadowProcess(
  root: string,
  env: Readonly<Record<string, string>>,
): Promise<ShadowProcess> {
  const hop = { kid: 'k1', root: randomBytes(32) }
  const folder = mkdtempSync(path.join(tmpdir(), 'shadow-process-'))
  const keys = path.join(folder, 'hop-keys')
  const edge = deriveHopKey(hop.root, 'edge', 'shadow-update')
  writeFileSync(keys, formatHopKeys([{ kid: hop.kid, caller: 'edge', key: edge }]))
  const [port = 0, metricsPort = 0] = await freePorts(2)
  const child = spawn(process.execPath, ['dist/shadow-update/index.mjs'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      HOP_KEYS_FILE: keys,
      LOG_LEVEL: 'silent',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = exitOf(child)
  const base = `http://127.0.0.1:${port}`
  const stop = async () => {
    child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true })
  }
  const ready = () =>
    fetch(`${base}/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  await until('shadow-update is ready', ready).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    desire: async (token, deviceId, n) => {
      const { headers, body } = operatorRequest(hop, token, deviceId, { state: { desired: { n } } })
      const answer = await fetch(base, { method: 'PATCH', headers, body, duplex: 'half' })
      return { status: answer.status, text: await answer.text() }
    },
    [Symbol.asyncDispose]: stop,
  }
}
