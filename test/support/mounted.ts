// Real functions in this process on a database of the test's own, behind the gateway and the edge as `npm start` has them.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { Dispatch } from '../../infra/gateway/dispatch.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { startLiveEdge } from '../../infra/gateway/live-edge.ts'
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { systemClock } from '../../shared/clock.ts'
import { loadConfig } from '../../shared/config.ts'
import { createRouter, readRoute } from '../../shared/http/route.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { createLogger } from '../../shared/log.ts'
import { metrics } from '../../shared/metrics.ts'
import type { ClientCertificates } from './client-certificates.ts'
import type { TestDatabase } from './postgres.ts'

export const MOUNTED_HOP = { kid: 'k1', root: randomBytes(32) }

export interface Mounted extends AsyncDisposable {
  readonly edgePort: number
  readonly gatewayUrl: string
  readonly dispatch: Dispatch
  /** What the edge handed to functions, newest last. */
  readonly asked: { readonly name: string; readonly request: Request }[]
}

/** Functions of the route table that exist. */
export function mountableFunctions(): string[] {
  const names = new Set(ROUTES.map(({ to }) => to))
  return [...names].filter((name) =>
    ['handler.ts', 'deps.ts'].every((file) =>
      existsSync(new URL(`../../functions/${name}/${file}`, import.meta.url)),
    ),
  )
}

export async function startMounted(
  database: TestDatabase,
  certificates: ClientCertificates,
  names: readonly string[],
  secrets: Readonly<Record<string, Buffer>> = {},
): Promise<Mounted> {
  const log = createLogger(process.env['MUSTER_TEST_LOG'] ?? 'silent')
  const config = loadConfig({ env: { MUSTER_DATA: '/nonexistent', PUBLIC_NAMES: 'localhost' } })
  const dispatch = await mountFunctions({
    names,
    hop: MOUNTED_HOP,
    hostOf: (name) => ({
      config,
      db: database.as(name),
      clock: systemClock,
      log,
      secret: async (secret) => secrets[secret],
    }),
  })
  const gateway = await startGateway({ port: 0, dispatch, log })
  const asked: Mounted['asked'] = []
  const edge = await startLiveEdge({
    host: '127.0.0.1',
    port: 0,
    certificate: async () => certificates.server,
    hop: MOUNTED_HOP,
    route: createRouter(ROUTES.map(readRoute)),
    dispatch: (name, request) => {
      asked.push({ name, request: request.clone() })
      return dispatch(name, request)
    },
    now: () => new Date(),
    log,
    db: database.as('edge'),
    authorities: (['devold', 'devnew', 'claim'] as const).map((each) =>
      certificates.authority(each),
    ),
    processMetrics: () => metrics.metrics(),
  })
  return {
    edgePort: edge.port,
    gatewayUrl: gateway.url,
    dispatch,
    asked,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([edge.close(200), gateway.close(200)])
    },
  }
}
