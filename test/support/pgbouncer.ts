// PgBouncer in transaction mode, before a PostgreSQL on loopback; built by .ci/pgbouncer.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { asUser, untilReady } from './cluster.ts'
import { freePorts } from './ports.ts'

const TOOLS = process.env['MUSTER_TOOLS'] ?? `${homedir()}/.cache/muster-tools`
const PROGRAM = path.join(TOOLS, 'pgbouncer-1.24', 'pgbouncer')

export const hasPgbouncer = existsSync(PROGRAM)

export interface Pgbouncer extends AsyncDisposable {
  readonly url: (database: string, user: string) => string
}

/** Few server connections, so that sessions are really shared. */
export async function startPgbouncer(
  folder: string,
  serverPort: number,
  users: readonly string[],
): Promise<Pgbouncer> {
  const [port = 0] = await freePorts(1)
  const file = (name: string) => path.join(folder, name)
  writeFileSync(file('users.txt'), users.map((user) => `"${user}" ""\n`).join(''))
  writeFileSync(
    file('pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${file('users.txt')}
pool_mode = transaction
max_prepared_statements = 200
default_pool_size = 2
max_client_conn = 500
log_connections = 0
log_disconnections = 0
`,
  )
  const args = [...asUser, 'setpriv', '--pdeathsig', 'KILL', PROGRAM, '-q', file('pgbouncer.ini')]
  const child = spawn('/usr/bin/env', args, { stdio: 'ignore' })
  const gone = once(child, 'exit')
  const url = (database: string, user: string) => `postgres://${user}@127.0.0.1:${port}/${database}`
  await untilReady(url('postgres', users[0] ?? 'postgres'))
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}
