// etcd and the API server on loopback, for whoever only asks whether a manifest is taken.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exitOf, run, runOk, type Ran } from '../exec.ts'
import { freePorts } from '../ports.ts'
import { until } from '../until.ts'
import { KUBE } from './tools.ts'

const PRIVATE = { mode: 0o600 }

/** Keys of service accounts and a token of the administrator's own, in `folder/pki`. */
export async function writeAccess(folder: string, server: string): Promise<void> {
  const token = randomBytes(16).toString('hex')
  const key = path.join(folder, 'sa.key')
  await runOk('openssl', ['genrsa', '-out', key, '2048'])
  await runOk('openssl', ['rsa', '-in', key, '-pubout', '-out', path.join(folder, 'sa.pub')])
  writeFileSync(path.join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`, PRIVATE)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  }
  writeFileSync(path.join(folder, 'kubeconfig'), JSON.stringify(config), PRIVATE)
}

export interface ApiPorts {
  readonly api: number
  readonly etcd: number
  readonly peers: number
}

export function etcdArgs(folder: string, { etcd, peers }: ApiPorts): string[] {
  const client = `http://127.0.0.1:${etcd}`
  const peer = `http://127.0.0.1:${peers}`
  return [
    'etcd',
    ...['--data-dir', path.join(folder, 'etcd'), '--unsafe-no-fsync'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`, '--log-level', 'error'],
  ]
}

export function apiServerArgs(folder: string, ports: ApiPorts, address: string): string[] {
  const file = (name: string) => path.join(folder, name)
  return [
    'kube-apiserver',
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--secure-port=${ports.api}`,
    `--bind-address=${address}`,
    `--cert-dir=${file('pki')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-cluster-ip-range=10.96.0.0/16',
  ]
}

export class ControlPlane implements AsyncDisposable {
  readonly folder: string
  readonly #children: ChildProcess[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async start(): Promise<ControlPlane> {
    const plane = new ControlPlane(mkdtempSync(path.join(tmpdir(), 'kube-api-')))
    const [api = 0, etcd = 0, peers = 0] = await freePorts(3)
    const ports = { api, etcd, peers }
    await writeAccess(plane.folder, `https://127.0.0.1:${api}`)
    plane.#run('etcd', etcdArgs(plane.folder, ports))
    plane.#run('api', apiServerArgs(plane.folder, ports, '127.0.0.1'))
    const ready = async () => (await plane.kubectl(['get', '--raw', '/readyz'])).code === 0
    try {
      await until('the API server ready', ready, 90)
    } catch (error) {
      await plane[Symbol.asyncDispose]()
      throw error
    }
    return plane
  }

  #run(name: string, args: readonly string[]): void {
    const log = openSync(path.join(this.folder, `${name}.log`), 'w')
    const command = ['--pdeathsig', 'KILL', KUBE, ...args]
    this.#children.push(spawn('setpriv', command, { stdio: ['ignore', log, log] }))
  }

  async kubectl(args: readonly string[], input?: string): Promise<Ran> {
    const env = { KUBECONFIG: path.join(this.folder, 'kubeconfig') }
    return run(KUBE, ['kubectl', ...args], { env, ...(input !== undefined && { input }) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.toReversed()) {
      const gone = exitOf(child)
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await gone
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
