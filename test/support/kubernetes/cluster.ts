// A whole Kubernetes of one node, in namespaces of its own: network, mounts and processes go with the process that made them.
import { spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exitOf, run, runOk, type Ran } from '../exec.ts'
import { until } from '../until.ts'
import { apiServerArgs, etcdArgs, writeAccess } from './control-plane.ts'
import {
  cniConfig,
  containerdConfig,
  corefile,
  kubeletConfig,
  network,
  NODE_ADDRESS,
} from './node-config.ts'
import { COREDNS, KUBE } from './tools.ts'

const PORTS = { api: 6443, etcd: 2379, peers: 2380 }
const CGROUPS = '/sys/fs/cgroup'

export class KubernetesCluster implements AsyncDisposable {
  readonly folder: string
  readonly #init: ChildProcess
  /** Process 1 of the cluster's namespaces, as this machine numbers it. */
  #pid = 0

  private constructor(folder: string) {
    this.folder = folder
    // The first process ends with this one, and all others with it.
    const namespaces = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child=KILL']
    const command = ['unshare', ...namespaces, '--mount-proc', 'bash', '-c', this.#first()]
    this.#init = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }

  /** Reaps what is orphaned, and waits. Mounts of a volume must reach the containers. */
  #first(): string {
    const ready = path.join(this.folder, 'ready')
    return `mount --make-rshared / && hostname node1 && touch ${ready}; while :; do sleep 3600 & wait $!; done`
  }

  static async start(images: readonly string[]): Promise<KubernetesCluster> {
    const cluster = new KubernetesCluster(mkdtempSync(path.join(tmpdir(), 'kube-')))
    try {
      await cluster.#begin(images)
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  async #begin(images: readonly string[]): Promise<void> {
    const { folder } = this
    await until('namespaces', async () => this.#entered())
    for (const line of network()) await this.inside(line)
    for (const name of ['cni', 'kubelet', 'manifests']) mkdirSync(path.join(folder, name))
    for (const cgroup of this.#cgroups) mkdirSync(cgroup)
    this.#write('cni/pods.conflist', JSON.stringify(cniConfig(folder)))
    this.#write('containerd.toml', containerdConfig(folder))
    this.#write('kubelet.json', kubeletConfig(folder, `/${path.basename(folder)}`))
    this.#write('Corefile', corefile(path.join(folder, 'kubeconfig')))
    await writeAccess(folder, `https://127.0.0.1:${PORTS.api}`)
    this.startContainerd()
    this.#part('etcd', [KUBE, ...etcdArgs(folder, PORTS)])
    const address = ['--advertise-address', NODE_ADDRESS, '--allow-privileged=true']
    this.#part('api', [KUBE, ...apiServerArgs(folder, PORTS, '0.0.0.0'), ...address])
    await this.#untilOk('the API server ready', ['get', '--raw', '/readyz'], 90)
    for (const image of images) await this.load(image)
    this.#startControllers()
    await this.#untilOk('the default account', ['get', 'serviceaccount', 'default'], 60)
    const wait = ['wait', '--for=condition=Ready', 'node/node1', '--timeout=5s']
    await this.#untilOk('the node ready', wait, 60)
  }

  #startControllers(): void {
    const file = (name: string) => path.join(this.folder, name)
    const config = file('kubeconfig')
    const common = [
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      '--leader-elect=false',
      `--cert-dir=${file('pki')}`,
    ]
    this.#part('controllers', [
      ...[KUBE, 'kube-controller-manager', ...common],
      `--service-account-private-key-file=${file('sa.key')}`,
      `--root-ca-file=${file('pki/apiserver.crt')}`,
    ])
    this.#part('scheduler', [KUBE, 'kube-scheduler', ...common])
    this.#part('kubelet', [
      ...[KUBE, 'kubelet', '--config', file('kubelet.json'), `--kubeconfig=${config}`],
      `--root-dir=${file('kubelet')}`,
      '--hostname-override=node1',
      `--node-ip=${NODE_ADDRESS}`,
    ])
    this.#part('proxy', [
      ...[KUBE, 'kube-proxy', `--kubeconfig=${config}`, '--hostname-override=node1'],
      '--proxy-mode=iptables',
      '--cluster-cidr=10.98.0.0/16',
      // It may not set the kernel's.
      '--conntrack-max-per-core=0',
      '--conntrack-min=0',
      '--conntrack-tcp-timeout-established=0s',
      '--conntrack-tcp-timeout-close-wait=0s',
    ])
    this.#part('dns', [COREDNS, '-conf', file('Corefile')])
  }

  #write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text)
  }

  /** One of its own in the one hierarchy of version 2, or in each of version 1: kubelet's lie below it, and go with it. */
  get #cgroups(): string[] {
    const name = path.basename(this.folder)
    if (existsSync(path.join(CGROUPS, 'cgroup.controllers'))) return [path.join(CGROUPS, name)]
    const hierarchies = readdirSync(CGROUPS, { withFileTypes: true })
    return hierarchies
      .filter((each) => each.isDirectory())
      .map((each) => path.join(CGROUPS, each.name, name))
  }

  async #entered(): Promise<boolean> {
    if (this.#init.exitCode !== null) throw new Error('namespaces were refused')
    // setpriv becomes unshare; its child is the first process inside.
    const children = readFileSync(`/proc/${this.#init.pid}/task/${this.#init.pid}/children`, 'utf8')
    this.#pid = Number(children.trim().split(' ')[0])
    if (this.#pid === 0) return false
    return (await run('test', ['-e', path.join(this.folder, 'ready')])).code === 0
  }

  #enter(command: readonly string[]): string[] {
    return ['-t', String(this.#pid), '--net', '--mount', '--pid', '--uts', ...command]
  }

  #part(name: string, command: readonly string[]): ChildProcess {
    const log = openSync(path.join(this.folder, `${name}.log`), 'a')
    const pid = path.join(this.folder, `${name}.pid`)
    // Its number as the namespace counts, to end it by.
    const shell = ['sh', '-c', `echo $$ > ${pid}; exec "$@"`, 'sh', ...command]
    return spawn('nsenter', this.#enter(shell), { stdio: ['ignore', log, log] })
  }

  startContainerd(): void {
    this.#part('containerd', ['containerd', '-c', path.join(this.folder, 'containerd.toml')])
  }

  /** Ends a part of the node by the number that it was started with. */
  async endPart(name: string, signal = 'KILL'): Promise<void> {
    const pid = readFileSync(path.join(this.folder, `${name}.pid`), 'utf8').trim()
    await this.inside(['kill', `-${signal}`, pid])
  }

  /** Starts a program of the test's own inside, such as a relay. */
  startInside(name: string, command: readonly string[]): ChildProcess {
    return this.#part(name, command)
  }

  async inside(command: readonly string[]): Promise<string> {
    return runOk('nsenter', this.#enter(command))
  }

  /** Makes the images of an archive known to the node. */
  async load(archive: string): Promise<void> {
    const ctr = ['ctr', '-a', path.join(this.folder, 'containerd.sock'), '-n', 'k8s.io']
    await until(
      'containerd',
      async () => (await run('nsenter', this.#enter([...ctr, 'version']))).code === 0,
    )
    await this.inside([...ctr, 'images', 'import', archive])
  }

  async kubectl(args: readonly string[], input?: string): Promise<Ran> {
    const env = { KUBECONFIG: path.join(this.folder, 'kubeconfig') }
    const options = { env, seconds: 200, ...(input !== undefined && { input }) }
    return run('nsenter', this.#enter([KUBE, 'kubectl', ...args]), options)
  }

  /** Like `kubectl`, and an error unless it ended with 0. */
  async kubectlOk(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`)
    return stdout
  }

  async #untilOk(what: string, args: readonly string[], seconds: number): Promise<void> {
    await until(what, async () => (await this.kubectl(args)).code === 0, seconds)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = exitOf(this.#init)
    if (this.#init.exitCode === null) {
      this.#init.kill('SIGKILL')
      await gone
    }
    for (const cgroup of this.#cgroups) await until('cgroups gone', () => removeCgroup(cgroup), 20)
    if (process.env['MUSTER_TEST_KEEP'] === undefined)
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Whether it is gone; one in which a process still ends is not. */
async function removeCgroup(folder: string): Promise<boolean> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) await removeCgroup(path.join(folder, entry.name))
    }
    rmdirSync(folder)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
  }
}
