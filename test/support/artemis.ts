// A real Apache Artemis of the test's own, on a free port of the loopback: a broker that is not Mosquitto.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { connectAsync } from 'mqtt'
import { freePorts } from './ports.ts'
import { until } from './until.ts'

const TOOLS =
  process.env['MUSTER_TOOLS'] ??
  path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'muster-tools')
/** The version of .ci/artemis. */
const HOME = path.join(TOOLS, 'artemis-2.40.0')
const MAIN = 'org.apache.activemq.artemis.boot.Artemis'
const OLDEST_JAVA = 17
const START_SECONDS = 60

function javaVersion(): number {
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' })
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0)
}

export const hasArtemis = existsSync(HOME) && javaVersion() >= OLDEST_JAVA

export interface Artemis extends AsyncDisposable {
  readonly url: string
  kill(): Promise<void>
  /** On the same port, with what its journal holds. */
  restart(): Promise<void>
}

export interface ArtemisOptions {
  /** As it comes, without the wildcards that docs/cells.md asks for. */
  readonly ownWildcards?: boolean
}

// By default levels are parted by a dot inside, and a device id that has one is two levels.
const WILDCARDS = `
  <wildcard-addresses>
    <routing-enabled>true</routing-enabled>
    <delimiter>/</delimiter><any-words>#</any-words><single-word>+</single-word>
  </wildcard-addresses>`

const configuration = (port: number, data: string, options: ArtemisOptions): string => `
<configuration xmlns="urn:activemq"><core xmlns="urn:activemq:core">
  <name>cell</name>
  <security-enabled>false</security-enabled>
  <jmx-management-enabled>false</jmx-management-enabled>
  <journal-type>NIO</journal-type>
  <journal-file-size>1M</journal-file-size>
  <journal-directory>${data}/journal</journal-directory>
  <bindings-directory>${data}/bindings</bindings-directory>
  <paging-directory>${data}/paging</paging-directory>
  <large-messages-directory>${data}/large</large-messages-directory>${options.ownWildcards ? '' : WILDCARDS}
  <acceptors>
    <acceptor name="mqtt">tcp://127.0.0.1:${port}?protocols=MQTT</acceptor>
  </acceptors>
</core></configuration>
`

function writeConfiguration(folder: string, port: number, options: ArtemisOptions): void {
  const etc = path.join(folder, 'etc')
  mkdirSync(etc)
  const schema = 'xmlns="http://activemq.apache.org/schema"'
  const guest = 'org.apache.activemq.artemis.spi.core.security.jaas.GuestLoginModule'
  const files = {
    'broker.xml': configuration(port, path.join(folder, 'data'), options),
    'bootstrap.xml': `<broker ${schema}><jaas-security domain="guests"/><server configuration="file:${etc}/broker.xml"/></broker>`,
    'management.xml': `<management-context ${schema}/>`,
    'login.config': `guests { ${guest} sufficient; };`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(etc, name), text)
}

async function launch(folder: string, url: string): Promise<ChildProcess> {
  const etc = path.join(folder, 'etc')
  const settings = {
    'artemis.home': HOME,
    'artemis.instance': folder,
    'artemis.instance.etc': etc,
    'java.security.auth.login.config': path.join(etc, 'login.config'),
    'java.io.tmpdir': folder,
  }
  const args = [
    ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
    ...['-classpath', path.join(HOME, 'lib', 'artemis-boot.jar'), MAIN, 'run'],
  ]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'java', ...args], {
    cwd: folder,
    stdio: ['ignore', process.env['MUSTER_TEST_LOG'] === undefined ? 'ignore' : 2, 2],
  })
  await until('Artemis answers', () => answers(child, url), START_SECONDS)
  child.unref()
  return child
}

async function answers(child: ChildProcess, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`Artemis ended with ${child.exitCode}`)
  const options = { reconnectPeriod: 0, connectTimeout: 2000, protocolVersion: 5 } as const
  const client = await connectAsync(url, options).catch(() => undefined)
  await client?.endAsync(true)
  return client !== undefined
}

export async function startArtemis(options: ArtemisOptions = {}): Promise<Artemis> {
  const folder = mkdtempSync(path.join(tmpdir(), 'artemis-'))
  const [port = 0] = await freePorts(1)
  const url = `mqtt://127.0.0.1:${port}`
  writeConfiguration(folder, port, options)
  let child: ChildProcess | undefined = await launch(folder, url)
  const kill = async () => {
    if (child === undefined) return
    child.ref()
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    child = undefined
  }
  return {
    url,
    kill,
    restart: async () => {
      await kill()
      child = await launch(folder, url)
    },
    [Symbol.asyncDispose]: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
