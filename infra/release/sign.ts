// Signatures of images as cosign keeps them: beside the image, under the tag sha256-<digest>.sig, a payload that names image and digest, and
// an ECDSA signature of it. There is no transparency log; whoever verifies has the public key.
import { sign, verify, type KeyObject } from 'node:crypto'
import * as z from 'zod'
import { blobOf, type Blob } from '../image/layer.ts'
import {
  pushBlob,
  pushManifest,
  readBlob,
  readManifest,
  RegistryFault,
  type Registry,
} from './registry.ts'

const PAYLOAD = 'application/vnd.dev.cosign.simplesigning.v1+json'
const ANNOTATION = 'dev.cosignproject.cosign/signature'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'

const Signed = z.object({
  layers: z
    .array(z.object({ digest: z.string(), annotations: z.record(z.string(), z.string()) }))
    .min(1),
})
const Payload = z.object({
  critical: z.object({
    identity: z.object({ 'docker-reference': z.string() }),
    image: z.object({ 'docker-manifest-digest': z.string() }),
    type: z.literal('cosign container image signature'),
  }),
})

/** The tag of what belongs to an image: its signature, its SBOM. */
export const besideTag = (digest: string, kind: 'sig' | 'sbom'): string =>
  `${digest.replace(':', '-')}.${kind}`

/** Pushes one blob as an image of one layer, under a tag beside the image it belongs to. */
export async function pushBeside(
  registry: Registry,
  name: string,
  tag: string,
  layer: Blob & {
    readonly mediaType: string
    readonly annotations?: Readonly<Record<string, string>>
  },
): Promise<void> {
  const config = blobOf(
    JSON.stringify({
      architecture: '',
      os: '',
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
      config: {},
    }),
  )
  const { mediaType, digest, data, annotations } = layer
  const manifest = blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: config.digest, size: config.data.length },
      layers: [{ mediaType, digest, size: data.length, ...(annotations && { annotations }) }],
    }),
  )
  await pushBlob(registry, name, config)
  await pushBlob(registry, name, layer)
  await pushManifest(registry, name, tag, manifest)
}

/** Signs a pushed image: `reference` is its name as whoever pulls it writes it, without the tag. */
export async function signImage(
  registry: Registry,
  name: string,
  { reference, digest }: { reference: string; digest: string },
  key: KeyObject,
): Promise<void> {
  const payload = blobOf(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': reference },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  )
  const signature = sign('sha256', payload.data, key).toString('base64')
  const layer = { ...payload, mediaType: PAYLOAD, annotations: { [ANNOTATION]: signature } }
  await pushBeside(registry, name, besideTag(digest, 'sig'), layer)
}

/**
 * Checks that the image under a tag is one that the key's holder signed.
 * @returns its digest
 * @throws {RegistryFault} when it is not
 */
export async function verifyImage(
  registry: Registry,
  name: string,
  tag: string,
  key: KeyObject,
): Promise<string> {
  const { digest } = blobOf(await readManifest(registry, name, tag))
  const beside = await readManifest(registry, name, besideTag(digest, 'sig')).catch(
    (cause: unknown) => {
      throw new RegistryFault(`${name}:${tag} is not signed`, { cause })
    },
  )
  const { layers } = Signed.parse(JSON.parse(beside.toString('utf8')))
  for (const layer of layers) {
    const payload = await readBlob(registry, name, layer.digest)
    const signature = Buffer.from(layer.annotations[ANNOTATION] ?? '', 'base64')
    if (!verify('sha256', payload, key, signature)) continue
    const { critical } = Payload.parse(JSON.parse(payload.toString('utf8')))
    if (critical.image['docker-manifest-digest'] === digest) return digest
  }
  throw new RegistryFault(`${name}:${tag}: no signature of this key is of ${digest}`)
}
