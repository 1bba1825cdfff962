// What the operator does, by the command where there is one.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as z from 'zod'
import type { Muster } from '../../support/muster.ts'

const Credential = z.object({ credential_id: z.string() })

export async function token(muster: Muster, uses = 1): Promise<{ id: string; secret: string }> {
  const made = await muster.json(
    'credential',
    'create',
    'token',
    '--uses',
    String(uses),
    '--expires',
    '24h',
  )
  const { credential_id: id, token: secret } = Credential.extend({ token: z.string() }).parse(made)
  return { id, secret }
}

export async function claim(
  muster: Muster,
  uses = 10,
): Promise<{ id: string; cert: string; key: string }> {
  const made = await muster.json(
    'credential',
    'create',
    'claim',
    '--uses',
    String(uses),
    '--expires',
    '24h',
  )
  const claimed = Credential.extend({
    certificate: z.string(),
    chain: z.string().default(''),
    private_key: z.string(),
  }).parse(made)
  const id = claimed.credential_id
  const cert = path.join(muster.data, `${id}.pem`)
  const key = path.join(muster.data, `${id}.key`)
  writeFileSync(cert, claimed.certificate + claimed.chain)
  writeFileSync(key, claimed.private_key)
  return { id, cert, key }
}

export async function sharedKey(muster: Muster, uses = 10): Promise<{ id: string; key: Buffer }> {
  const made = await muster.json(
    'credential',
    'create',
    'shared-key',
    '--uses',
    String(uses),
    '--expires',
    '24h',
  )
  const { credential_id: id, key } = Credential.extend({ key: z.string() }).parse(made)
  return { id, key: Buffer.from(key, 'base64url') }
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
