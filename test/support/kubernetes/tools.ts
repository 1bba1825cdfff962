// Kubernetes, CoreDNS, Helm and Knative as .ci/kubernetes builds them; nobody's cluster is touched.
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { needsBuilt } from '../needs.ts'

const TOOLS =
  process.env['MUSTER_TOOLS'] ??
  path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'muster-tools')

const tool = (folder: string, name: string) => path.join(TOOLS, folder, name)

// The versions of .ci/kubernetes.
export const KUBE = tool('muster-kube-1.34.4', 'kube')
export const PAUSE = tool('muster-pause-1', 'pause')
export const COREDNS = tool('muster-coredns-1.12.4', 'coredns')
export const HELM = tool('muster-helm-3.19.0', 'helm')
export const KNATIVE = path.join(TOOLS, 'muster-knative-0.49.0')
export const DEFINITIONS = path.join(TOOLS, 'muster-definitions-0.49.0')
export const VERSITYGW = tool('versitygw-v1.8.0', 'versitygw')

const RUNTIME = [
  '/usr/bin/containerd',
  '/usr/sbin/runc',
  '/usr/lib/cni/bridge',
  '/usr/sbin/iptables',
]

/** Options of a test that asks the API server only. */
export const controlPlane = needsBuilt('Kubernetes', existsSync(KUBE) && existsSync(DEFINITIONS))

/** Options of a test that runs pods: root, containerd and the rest of a node. */
export const wholeCluster = needsBuilt(
  'Kubernetes with a node',
  [KUBE, PAUSE, COREDNS, ...RUNTIME].every((file) => existsSync(file)) && process.getuid?.() === 0,
)

export const helm = needsBuilt('Helm', existsSync(HELM) && existsSync(KUBE))

export const knative = needsBuilt(
  'Knative Serving',
  existsSync(KNATIVE) && wholeCluster.skip === false,
)
