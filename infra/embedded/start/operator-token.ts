import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { makeToken, parseToken, tokenHash } from '../../../shared/access/token.ts'
import type { Database } from '../../../shared/db/database.ts'
import type { DataDirectory } from './data-directory.ts'
import { readFileOrNothing, writePrivate } from './private-file.ts'
import { insertOperatorToken, readOperatorToken } from './queries.ts'

const DAY_MS = 86_400_000
const LIFE_DAYS = 90
const RENEW_DAYS = 30
const FILE = 'operator.token'

async function stillGood(db: Database, text: string, now: Date): Promise<boolean> {
  const token = parseToken(text.trim(), 'op')
  if (token === undefined) return false
  const row = await db.row(readOperatorToken, [token.id, tokenHash(token.text)])
  return row !== undefined && row.expires_at.getTime() - now.getTime() > RENEW_DAYS * DAY_MS
}

/** The first operator's token, with every right; a new one where it is missing, revoked or soon at its end. */
export async function keepOperatorToken(
  db: Database,
  data: DataDirectory,
  now: Date,
): Promise<void> {
  const file = data.file(FILE)
  const found = await readFileOrNothing(file)
  if (found !== undefined && (await stillGood(db, found.toString('utf8'), now))) return
  const token = makeToken('op')
  const expiresAt = new Date(now.getTime() + LIFE_DAYS * DAY_MS)
  await db.rows(insertOperatorToken, [token.id, tokenHash(token.text), ['admin'], expiresAt])
  await writePrivate(file, `${token.text}\n`)
}

/** What the command finds in the data directory: where the server is and what it is trusted by. */
export async function writeCliFile(data: DataDirectory, url: string): Promise<void> {
  const pem = await readFile(data.file('ca.pem'), 'utf8')
  const hash = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
  await writePrivate(
    data.file('cli.json'),
    `${JSON.stringify({ url, ca_sha256: hash, ca_file: 'ca.pem', token_file: FILE })}\n`,
  )
}
