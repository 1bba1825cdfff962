// Mosquitto as an operator runs it: files prepared from the database, two listeners with mutual TLS, the broker agent beside it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent, type Agent } from '../../infra/broker/agent.ts'
import { AGENT_NAME, CONNECTOR_NAME } from '../../infra/broker/mosquitto.ts'
import { prepareBroker } from '../../infra/broker/prepare.ts'
import { reloadByPidFile } from '../../infra/broker/reload.ts'
import type { Hierarchy } from '../../shared/pki/authority.ts'
import { clientUnder, pemOf, serverUnder, type Credentials } from './authority.ts'
import { freePorts } from './ports.ts'
import type { TestDatabase } from './postgres.ts'

export interface DeviceBroker extends AsyncDisposable {
  readonly folder: string
  readonly devicePort: number
  readonly servicePort: number
  readonly agent: Agent
  /** What clients trust the server by. */
  readonly ca: string
  /** A service's certificate. */
  readonly service: (name: string) => Credentials
  readonly connector: Credentials
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const socket = connectTcp(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.destroy()
      return
    } catch (error) {
      if (tries === 250) throw error
      await sleep(20)
    }
  }
}

/** Starts both; `secrets` of the hierarchy must be installed in the database already. */
export async function startDeviceBroker(
  database: TestDatabase,
  hierarchy: Hierarchy,
): Promise<DeviceBroker> {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-broker-'))
  const [devicePort = 0, servicePort = 0] = await freePorts(2)
  const server = serverUnder(hierarchy.server)
  const write = (name: string, text: string) =>
    writeFileSync(path.join(folder, name), text, { mode: 0o600 })
  write('server.pem', server.cert)
  write('server.key', server.key)
  write('service-ca.pem', pemOf(hierarchy.service))
  const db = database.as('broker-agent')
  const files = await prepareBroker({ db, now: new Date() }, folder, {
    devicePort,
    servicePort,
    serviceHost: '127.0.0.1',
    maxConnections: 1000,
    maxQueued: 100_000,
    ...(process.getuid?.() === 0 && { user: 'root' }),
  })
  const args = ['--pdeathsig', 'KILL', 'mosquitto', '-c', path.join(folder, 'mosquitto.conf')]
  const log = process.env['MUSTER_TEST_LOG'] === undefined ? 'ignore' : 'inherit'
  const child = spawn('setpriv', args, { stdio: ['ignore', 'ignore', log], env: PATHS })
  await untilOpen(servicePort)
  const ca = pemOf(hierarchy.server)
  const own = clientUnder(hierarchy.service, AGENT_NAME)
  const agent = await startAgent({
    db,
    directUrl: database.url,
    broker: { url: `mqtts://localhost:${servicePort}`, tls: async () => ({ ca, ...own }) },
    files,
    reload: reloadByPidFile(files.pid),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  return {
    folder,
    devicePort,
    servicePort,
    agent,
    ca,
    service: (name) => clientUnder(hierarchy.service, name),
    connector: clientUnder(hierarchy.service, CONNECTOR_NAME),
    [Symbol.asyncDispose]: async () => {
      await agent.close()
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const PATHS = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
