// HAProxy before `echo`, each function behind a port of its own as a container has it.
import type { Server } from 'node:http'
import { variableOf } from '../../infra/edge/blocks.ts'
import { hopKeysOf } from '../../infra/edge/state.ts'
import type { EdgeState } from '../../infra/edge/files.ts'
import { closeServer, openFunction } from '../../infra/function/listen.ts'
import { readRoute } from '../../shared/http/route.ts'
import { createLogger } from '../../shared/log.ts'
import type { ClientCertificates } from './client-certificates.ts'
import { echo, HOP_ROOT, TEST_ROUTES } from './edge.ts'
import { startHaproxy, type Haproxy, type HaproxyOptions } from './haproxy.ts'
import { freePorts } from './ports.ts'

export const UNLIMITED = { open: 1e6, burst: 1e6, trusted: [] }

export function testState(
  certificates: ClientCertificates,
  changed: Partial<EdgeState> = {},
): EdgeState {
  const { cert, key } = certificates.server
  const authorities = (['devold', 'devnew', 'claim', 'vendor'] as const).map((name) =>
    certificates.authority(name),
  )
  return {
    server: cert + key,
    authorities: authorities.join(''),
    crls: certificates.crls,
    hopKeys: hopKeysOf({ kid: 'k1', root: HOP_ROOT }),
    limits: UNLIMITED,
    ...changed,
  }
}

export interface Functions extends AsyncDisposable {
  /** Their addresses, as haproxy.cfg wants them. */
  readonly env: Readonly<Record<string, string>>
}

/** Opens a port for each function of the test's routes. */
export async function openFunctions(
  handle: (name: string, request: Request) => Promise<Response> = echo,
  names: readonly string[] = [...new Set(TEST_ROUTES.map(({ to }) => to))],
): Promise<Functions> {
  const ports = await freePorts(names.length)
  const servers: Server[] = []
  const env: Record<string, string> = { DIRECT: '1' }
  for (const [index, name] of names.entries()) {
    const port = ports[index] ?? 0
    const log = createLogger('silent')
    servers.push(await openFunction(port, (request) => handle(name, request), log))
    env[`FUNCTION_${variableOf(name)}`] = `127.0.0.1:${port}`
  }
  return {
    env,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => closeServer(server, 200)))
    },
  }
}

/** HAProxy with the test's routes, before functions that are there already. */
export function startBefore(
  functions: Pick<Functions, 'env'>,
  certificates: ClientCertificates,
  options: HaproxyOptions & { readonly changed?: Partial<EdgeState> } = {},
): Promise<Haproxy> {
  return startHaproxy({
    state: testState(certificates, options.changed),
    routes: TEST_ROUTES.map(readRoute),
    ...options,
    env: { ...functions.env, ...options.env },
  })
}
