// A registry of the OCI distribution specification: what pushing and verifying needs of it.
import type { Blob } from '../image/layer.ts'

export interface Registry {
  /** https://registry.example.com, or http:// on loopback. */
  readonly url: string
  readonly user?: string
  readonly password?: string
}

/** The registry refused, or gave something else than it was asked for. */
export class RegistryFault extends Error {}

async function ask(registry: Registry, target: string, init: RequestInit = {}): Promise<Response> {
  const { url, user, password } = registry
  const headers = new Headers(init.headers)
  if (user !== undefined) {
    const text = Buffer.from(`${user}:${password ?? ''}`).toString('base64')
    headers.set('authorization', `Basic ${text}`)
  }
  return fetch(new URL(target, url), { ...init, headers })
}

async function expect(answer: Response, status: number, what: string): Promise<Response> {
  if (answer.status === status) return answer
  const said = (await answer.text()).slice(0, 200)
  throw new RegistryFault(`${what}: the registry answered ${answer.status} ${said}`)
}

const bytes = (data: Buffer) => new Uint8Array(data)

/** Uploads a blob, unless the registry has it. */
export async function pushBlob(registry: Registry, name: string, blob: Blob): Promise<void> {
  const known = await ask(registry, `/v2/${name}/blobs/${blob.digest}`, { method: 'HEAD' })
  if (known.status === 200) return
  const opened = await ask(registry, `/v2/${name}/blobs/uploads/`, { method: 'POST' })
  await expect(opened, 202, `upload to ${name}`)
  const place = new URL(opened.headers.get('location') ?? '', registry.url)
  place.searchParams.set('digest', blob.digest)
  const headers = { 'content-type': 'application/octet-stream' }
  const put = { method: 'PUT', headers, body: bytes(blob.data) }
  await expect(await ask(registry, place.href, put), 201, `upload to ${name}`)
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/** Puts a manifest under a tag. */
export async function pushManifest(
  registry: Registry,
  name: string,
  tag: string,
  { data }: Blob,
): Promise<void> {
  const put = { method: 'PUT', headers: { 'content-type': MANIFEST }, body: bytes(data) }
  await expect(await ask(registry, `/v2/${name}/manifests/${tag}`, put), 201, `${name}:${tag}`)
}

export async function readManifest(registry: Registry, name: string, tag: string): Promise<Buffer> {
  const answer = await ask(registry, `/v2/${name}/manifests/${tag}`, {
    headers: { accept: MANIFEST },
  })
  return Buffer.from(await (await expect(answer, 200, `${name}:${tag}`)).arrayBuffer())
}

export async function readBlob(registry: Registry, name: string, digest: string): Promise<Buffer> {
  const answer = await ask(registry, `/v2/${name}/blobs/${digest}`)
  return Buffer.from(await (await expect(answer, 200, `${name}@${digest}`)).arrayBuffer())
}
