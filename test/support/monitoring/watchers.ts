// Prometheus and Alertmanager of Debian on loopback, with the rules as a drill, and a receiver of Alertmanager's webhook.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawn, type ChildProcess } from 'node:child_process'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import { writeDrill } from '../../../infra/monitoring/drill.ts'
import { freePorts } from '../ports.ts'
import { until } from '../until.ts'

const SHIPPED = new URL('../../../infra/monitoring/', import.meta.url)
const FACTOR = 300

const Notice = z.object({
  receiver: z.string(),
  alerts: z.array(
    z.object({
      status: z.enum(['firing', 'resolved']),
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
    }),
  ),
})
const Answer = z.object({
  status: z.literal('success'),
  data: z.unknown(),
})

export interface Heard {
  readonly receiver: string
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
}

export interface Target {
  readonly job: string
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly token?: string
  readonly caFile?: string
}

export interface Watchers extends AsyncDisposable {
  /** What the webhook got, in order. */
  readonly heard: readonly Heard[]
  readonly prometheus: string
  /** An alert as it came by the webhook: with this status and these labels. */
  hears(
    status: Heard['status'],
    labels: Readonly<Record<string, string>>,
    options?: { readonly seconds?: number; readonly after?: number },
  ): Promise<Heard>
  /** The `data` of an answer of Prometheus' API. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>
}

function start(command: string, args: readonly string[], cwd: string): ChildProcess {
  const log = process.env['MUSTER_TEST_LOG'] === undefined ? 'ignore' : 'inherit'
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
    cwd,
    stdio: ['ignore', log, log],
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function receiver(heard: Heard[]) {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
      const notice = Notice.parse(JSON.parse(Buffer.concat(chunks).toString()))
      for (const { status, labels } of notice.alerts)
        heard.push({ receiver: notice.receiver, status, labels })
      response.end()
    })().catch(() => response.writeHead(400).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { server, url: `http://127.0.0.1:${port}/` }
}

/** The shipped route, to the test's receiver, without its waits. */
function alertmanagerConfig(url: string): string {
  const shipped: unknown = parse(readFileSync(new URL('alertmanager.yml', SHIPPED), 'utf8'))
  const text = stringify(shipped)
    .replaceAll(/(group_wait|group_interval): .*/g, '$1: 1s')
    .replaceAll(/url: .*/g, `url: ${url}`)
  return text
}

function prometheusConfig(targets: readonly Target[], alertmanager: string): string {
  return stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules/*.yml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] },
    scrape_configs: targets.map(({ job, scheme, address, token, caFile }) => ({
      job_name: job,
      scheme,
      metrics_path: '/metrics',
      ...(token !== undefined && { authorization: { credentials: token } }),
      ...(caFile !== undefined && { tls_config: { ca_file: caFile } }),
      static_configs: [{ targets: [address] }],
    })),
  })
}

/** Starts both and waits until Prometheus is ready. */
export async function startWatchers(targets: readonly Target[]): Promise<Watchers> {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-watch-'))
  const [port = 0, managerPort = 0] = await freePorts(2)
  const heard: Heard[] = []
  const { server, url } = await receiver(heard)
  writeDrill(FACTOR, path.join(folder, 'rules'))
  const manager = `127.0.0.1:${managerPort}`
  const prometheus = `http://127.0.0.1:${port}`
  const itself: Target = { job: 'prometheus', scheme: 'http', address: `127.0.0.1:${port}` }
  writeFileSync(path.join(folder, 'alertmanager.yml'), alertmanagerConfig(url))
  writeFileSync(
    path.join(folder, 'prometheus.yml'),
    prometheusConfig([itself, ...targets], manager),
  )
  const children = [
    start(
      'prometheus-alertmanager',
      [
        '--config.file=alertmanager.yml',
        '--storage.path=manager',
        `--web.listen-address=${manager}`,
        '--cluster.listen-address=',
      ],
      folder,
    ),
    start(
      'prometheus',
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${port}`,
        '--rules.alert.resend-delay=1s',
      ],
      folder,
    ),
  ]
  const dispose = async () => {
    await Promise.all(children.map(end))
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const ask = async (target: string, parameters: Readonly<Record<string, string>> = {}) => {
    const query = new URLSearchParams(parameters).toString()
    const response = await fetch(`${prometheus}/api/v1/${target}?${query}`)
    if (response.status !== 200) throw new Error(`${query}: ${await response.text()}`)
    return Answer.parse(await response.json()).data
  }
  try {
    const ready = () =>
      fetch(`${prometheus}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    await until('Prometheus ready', ready)
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    heard,
    prometheus,
    ask,
    hears: (status, labels, { seconds = 60, after = 0 } = {}) =>
      until(
        `${JSON.stringify(labels)} ${status}`,
        () =>
          heard.find(
            (each, index) =>
              index >= after &&
              each.status === status &&
              Object.entries(labels).every(([name, value]) => each.labels[name] === value),
          ),
        seconds,
      ),
    [Symbol.asyncDispose]: dispose,
  }
}
