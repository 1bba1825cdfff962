// Writes infra/migrations/schema.sql: the migrated schema as PostgreSQL 15, the oldest supported, dumps it.
// Partitions of a period are left out; they are made as time goes by. Run by `npm run schema` and compared by a test.
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { openDatabase } from '../../shared/db/database.ts'
import { migrate } from '../migrations/migrate.ts'

export const DUMP_FILE = new URL('../migrations/schema.sql', import.meta.url)

/** The dump of a database that is migrated first; `binaries` is the folder of pg_dump 15. */
export async function schemaDump(url: string, binaries: string): Promise<string> {
  await using db = openDatabase({ url })
  await migrate(db)
  const args = [
    '--schema-only',
    '--no-owner',
    '--no-tablespaces',
    '--exclude-table=*_20??????',
    url,
  ]
  const dumped = spawnSync(`${binaries}/pg_dump`, args, { encoding: 'utf8' })
  if (dumped.status !== 0) throw new Error(`pg_dump: ${dumped.stderr}`)
  // Comments and session settings name versions and change by themselves.
  return dumped.stdout
    .split('\n')
    .filter((line) => !/^(--|SET |SELECT pg_catalog|\\(un)?restrict )/.test(line))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimStart()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , url = '', binaries = '/usr/lib/postgresql/15/bin'] = process.argv
  await writeFile(DUMP_FILE, await schemaDump(url, binaries))
}
