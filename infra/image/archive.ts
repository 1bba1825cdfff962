// Images as one archive: an OCI image layout that also carries the manifest of `docker save`, so that docker, podman and
// containerd load it alike. Blobs that images share are in it once.
import { blobOf, type Blob, type Layer } from './layer.ts'
import { writeTar, type Entry } from './tar.ts'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const INDEX = 'application/vnd.oci.image.index.v1+json'

/** How a container of the image runs, in the words of the OCI image specification. */
export interface RunConfig {
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly ports: readonly number[]
  readonly user: string
  readonly folder: string
  readonly labels: Readonly<Record<string, string>>
}

export interface Image {
  /** With registry and tag: docker.io/muster/enroll:0.1.0 */
  readonly reference: string
  readonly config: Blob
  readonly layers: readonly Layer[]
  readonly manifest: Blob
}

const json = (value: unknown) => blobOf(JSON.stringify(value))
const descriptor = (mediaType: string, { digest, data }: Blob) => ({
  mediaType,
  digest,
  size: data.length,
})

/** Bytes that a registry keeps and a machine fetches. */
export const compressedBytes = ({ layers, config }: Image): number =>
  layers.reduce((sum, { data }) => sum + data.length, config.data.length)

/** Joins layers and configuration to an image. Nothing in it depends on when it was made. */
export function makeImage(
  reference: string,
  architecture: string,
  layers: readonly Layer[],
  run: RunConfig,
): Image {
  const config = json({
    architecture,
    os: 'linux',
    config: {
      User: run.user,
      ExposedPorts: Object.fromEntries(run.ports.map((port) => [`${port}/tcp`, {}])),
      Env: Object.entries(run.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: run.entrypoint,
      ...(run.command && { Cmd: run.command }),
      WorkingDir: run.folder,
      Labels: run.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created_by: 'infra/image/build.ts' })),
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(CONFIG, config),
    layers: layers.map((layer) => descriptor(LAYER, layer)),
    annotations: run.labels,
  })
  return { reference, config, layers, manifest }
}

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`

const file = (path: string, data: Buffer | string): Entry => ({
  type: 'file',
  path,
  mode: 0o644,
  data: Buffer.from(data),
})

/** The archive of one or more images. */
export function writeArchive(images: readonly Image[]): Buffer {
  const blobs = images.flatMap(({ config, layers, manifest }) => [config, manifest, ...layers])
  const index = {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: images.map(({ manifest, reference }) => ({
      ...descriptor(MANIFEST, manifest),
      annotations: {
        'io.containerd.image.name': reference,
        'org.opencontainers.image.ref.name': reference.split(':').at(-1),
      },
    })),
  }
  const saved = images.map(({ config, layers, reference }) => ({
    Config: blobPath(config.digest),
    RepoTags: [reference.replace(/^docker\.io\//, '')],
    Layers: layers.map(({ digest }) => blobPath(digest)),
  }))
  return writeTar([
    file('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })),
    file('index.json', JSON.stringify(index)),
    file('manifest.json', JSON.stringify(saved)),
    ...blobs.map(({ digest, data }) => file(blobPath(digest), data)),
  ])
}
