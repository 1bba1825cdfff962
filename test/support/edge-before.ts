// HAProxy and its agent before a running Muster, set up as docs/edge.md says.
import path from 'node:path'
import { runOk } from './exec.ts'
import { newFolder, startHaproxy, type Haproxy } from './haproxy.ts'
import { ROOT, type Muster } from './muster.ts'
import { startProcess, type Running } from './processes.ts'

export interface EdgeBefore extends AsyncDisposable {
  readonly haproxy: Haproxy
  readonly agent: Running
}

/** Issues the server's certificate, prepares HAProxy's files, starts it and the agent; from then on `muster` is asked through it. */
export async function startEdgeBefore(
  muster: Muster,
  databaseUrl: string,
  port: number,
): Promise<EdgeBefore> {
  const folder = newFolder()
  const data = path.join(muster.data, 'muster')
  const prefix = path.join(muster.data, 'edge')
  await runOk(path.join(ROOT, 'muster'), [
    ...['ca', 'issue', 'server', 'localhost'],
    ...['--out', prefix, '--data', data],
  ])
  const env = {
    DATABASE_URL: databaseUrl,
    EDGE_FOLDER: folder,
    EDGE_RUN: folder,
    EDGE_CERT_FILE: `${prefix}.pem`,
    EDGE_KEY_FILE: `${prefix}.key`,
    HOP_ROOT_FILE: path.join(data, 'secrets', 'hop-root'),
    CLAIM_CA_CERTIFICATE_FILE: path.join(data, 'secrets', 'claim-ca-certificate'),
    LOG_LEVEL: 'info',
  }
  const prepared = await startProcess('infra/edge/main.ts', env, ['prepare']).exited
  if (prepared !== 0) throw new Error(`prepare ended with ${prepared}`)
  const gateway = { DIRECT: '0', GATEWAY: `127.0.0.1:${muster.gatewayPort}` }
  const haproxy = await startHaproxy({ folder, port, env: gateway })
  const agent = startProcess('infra/edge/main.ts', env)
  muster.edgePort = haproxy.port
  return {
    haproxy,
    agent,
    [Symbol.asyncDispose]: async () => {
      await agent.kill('SIGTERM')
      await haproxy[Symbol.asyncDispose]()
    },
  }
}
