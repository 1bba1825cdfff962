// What the operator does, by the command where there is one.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as z from 'zod'
import type { Muster } from '../../support/muster.ts'

const Credential = z.object({
  name: z.string(),
  secret: z.string(),
  certificate: z.string().default(''),
  chain: z.string().default(''),
})

async function create(muster: Muster, kind: string, uses: number) {
  const limits = ['--uses', String(uses), '--expires', '24h']
  return Credential.parse(await muster.json('credential', 'create', kind, ...limits))
}

export async function token(muster: Muster, uses = 1): Promise<string> {
  return (await create(muster, 'token', uses)).secret
}

/** Files of a claim certificate with its chain, and of its key. */
export async function claim(muster: Muster, uses = 10): Promise<{ cert: string; key: string }> {
  const { name, secret, certificate, chain } = await create(muster, 'claim', uses)
  const cert = path.join(muster.data, `${name}.pem`)
  const key = path.join(muster.data, `${name}.key`)
  writeFileSync(cert, certificate + chain)
  writeFileSync(key, secret)
  return { cert, key }
}

export async function sharedKey(muster: Muster, uses = 10): Promise<{ id: string; key: Buffer }> {
  const { name, secret } = await create(muster, 'shared-key', uses)
  return { id: name, key: Buffer.from(secret, 'hex') }
}

/** Imports allowlist rows; each is a CSV line without the header. */
export async function allow(muster: Muster, rows: readonly string[]): Promise<void> {
  const file = path.join(muster.data, `allowlist-${rows.length}-${Math.random()}.csv`)
  const header = 'match,value,device_id,hardware_rev,credentials,expires_at,max_uses'
  writeFileSync(file, `${[header, ...rows].join('\n')}\n`)
  const { code, stderr } = await muster.muster('allowlist', 'import', file)
  if (code !== 0) throw new Error(`allowlist import: ${stderr}`)
}

/** A row that lets this device enrol with any credential. */
export const allowed = (id: string, hardware = 'A'): string =>
  `device_id,${id},${id},${hardware},,,10`
