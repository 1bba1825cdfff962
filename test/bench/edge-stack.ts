// The functions of enrolment in one process, as `npm start` has them: behind its own edge, and behind its gateway for an edge apart.
// Prints its ports once it is ready.
import { readFileSync } from 'node:fs'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { startLiveEdge } from '../../infra/gateway/live-edge.ts'
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { systemClock } from '../../shared/clock.ts'
import { loadConfig } from '../../shared/config.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { createRouter, readRoute } from '../../shared/http/route.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { createLogger } from '../../shared/log.ts'
import { roleOf } from '../../infra/migrations/grants.ts'

interface Given {
  readonly url: string
  readonly hopRoot: string
  readonly server: { readonly cert: string; readonly key: string }
  readonly secrets: Readonly<Record<string, string>>
}

const [, , file = ''] = process.argv
const given: Given = JSON.parse(readFileSync(file, 'utf8'))
const log = createLogger('error')
const config = loadConfig({ env: { MUSTER_DATA: '/nonexistent', PUBLIC_NAMES: 'localhost' } })
const hop = { kid: 'k1', root: Buffer.from(given.hopRoot, 'base64') }
const open = (name: string) =>
  openDatabase({ url: given.url, connections: 4, role: roleOf(name), name: `muster ${name}` })
const dispatch = await mountFunctions({
  names: ['enroll', 'pki'],
  hop,
  hostOf: (name) => ({
    config,
    db: open(name),
    clock: systemClock,
    log,
    secret: async (secret) => {
      const text = given.secrets[secret]
      return text === undefined ? undefined : Buffer.from(text, 'base64')
    },
  }),
})
const gateway = await startGateway({ port: 0, dispatch, log })
const edge = await startLiveEdge({
  host: '127.0.0.1',
  port: 0,
  certificate: async () => given.server,
  hop,
  route: createRouter(ROUTES.map(readRoute)),
  dispatch,
  now: () => systemClock.now(),
  log,
  db: open('edge'),
  authorities: [],
})
process.stdout.write(`${JSON.stringify({ gateway: gateway.port, edge: edge.port })}\n`)
