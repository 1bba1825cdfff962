// What the parts of a node read: addresses of a network that nothing leaves.
import path from 'node:path'

export const NODE_ADDRESS = '10.99.0.1'
const DNS_DOMAIN = 'cluster.local'

/** Commands that make the node's network: a bridge with its address, since the kernel may have no dummy device. */
export const network = (): string[][] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  ['ip', 'link', 'add', 'node0', 'type', 'bridge'],
  ['ip', 'addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'node0'],
  ['ip', 'link', 'set', 'node0', 'up'],
  ['ip', 'route', 'add', 'default', 'dev', 'node0'],
  // As on every node of Kubernetes; this network namespace has its own.
  ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'],
  // What the container runtime leaves outside its own folder goes with the mounts.
  ['mkdir', '-p', '/run/netns', '/run/containerd'],
  ['mount', '-t', 'tmpfs', 'tmpfs', '/run/containerd'],
  ['mount', '-t', 'tmpfs', 'tmpfs', '/run/netns'],
  ['mount', '--make-shared', '/run/netns'],
]

export const cniConfig = (folder: string) => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.98.0.0/16' }]],
        routes: [{ dst: '0.0.0.0/0' }],
        dataDir: path.join(folder, 'cni-state'),
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

export const containerdConfig = (folder: string): string => `version = 2
root = "${folder}/containerd"
state = "${folder}/containerd-state"
[grpc]
 address = "${folder}/containerd.sock"
[ttrpc]
 address = "${folder}/containerd.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
 restrict_oom_score_adj = true
 sandbox_image = "docker.io/local/pause:1"
 [plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${folder}/cni"
`

export const kubeletConfig = (folder: string, cgroupRoot: string): string =>
  JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
    evictionHard: {},
    resolvConf: '',
    clusterDNS: [NODE_ADDRESS],
    clusterDomain: DNS_DOMAIN,
    maxPods: 200,
    podLogsDir: path.join(folder, 'logs'),
    staticPodPath: path.join(folder, 'manifests'),
    serializeImagePulls: false,
  })

export const corefile = (kubeconfig: string): string => `.:53 {
  bind ${NODE_ADDRESS}
  errors
  kubernetes ${DNS_DOMAIN} in-addr.arpa {
    kubeconfig ${kubeconfig}
    ttl 1
  }
}
`
