// node infra/release/release.ts push --registry URL --key FILE [name…]: builds images, pushes each with its SBOM, signs it.
// node infra/release/release.ts verify --registry URL --key FILE [name…]: checks the signatures of what is there.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { readVersion } from '../embedded/start/data-directory.ts'
import { buildImages, UnknownImage, type BuiltImage } from '../image/build.ts'
import { imageSources } from '../image/catalogue.ts'
import { blobOf } from '../image/layer.ts'
import { readLock, sbomOf } from '../image/sbom.ts'
import { pushBlob, pushManifest, RegistryFault, type Registry } from './registry.ts'
import { besideTag, pushBeside, signImage, verifyImage } from './sign.ts'

const USAGE = 2
const USAGE_TEXT =
  'usage: node infra/release/release.ts push|verify --registry URL --key FILE [name…]\n' +
  'REGISTRY_USER and REGISTRY_PASSWORD, where the registry wants them\n'

const repository = (name: string) => `muster/${name}`

/** Pushes an image under its version, its SBOM and its signature beside it; its digest. */
export async function release(
  registry: Registry,
  built: BuiltImage,
  key: KeyObject,
): Promise<string> {
  const { image } = built
  const name = repository(built.name)
  const { digest } = image.manifest
  for (const blob of [...image.layers, image.config]) await pushBlob(registry, name, blob)
  // The tag comes last: who sees the version finds its signature.
  await pushManifest(registry, name, digest, image.manifest)
  const sbom = blobOf(JSON.stringify(sbomOf(built, await readLock())))
  const mediaType = 'application/vnd.cyclonedx+json'
  await pushBeside(registry, name, besideTag(digest, 'sbom'), { ...sbom, mediaType })
  const reference = `${new URL(registry.url).host}/${name}`
  await signImage(registry, name, { reference, digest }, key)
  await pushManifest(registry, name, image.reference.split(':').at(-1) ?? '', image.manifest)
  return digest
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { registry: { type: 'string' }, key: { type: 'string' } },
    allowPositionals: true,
  })
  const [verb, ...names] = positionals
  if ((verb !== 'push' && verb !== 'verify') || !values.registry || !values.key) {
    process.stderr.write(USAGE_TEXT)
    return USAGE
  }
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = process.env
  const registry = { url: values.registry, ...(user && { user }), ...(password && { password }) }
  const pem = await readFile(values.key)
  if (verb === 'push') {
    const key = createPrivateKey(pem)
    for (const built of await buildImages(names))
      process.stdout.write(`${built.name.padEnd(16)} ${await release(registry, built, key)}\n`)
    return 0
  }
  const version = await readVersion()
  const all = names.length === 0 ? (await imageSources()).map(({ name }) => name) : names
  for (const name of all) {
    const digest = await verifyImage(registry, repository(name), version, createPublicKey(pem))
    process.stdout.write(`${name.padEnd(16)} ${digest}  signed\n`)
  }
  return 0
}

if (import.meta.main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const known = error instanceof RegistryFault || error instanceof UnknownImage || 'code' in error
    if (!known) throw error
    process.stderr.write(`release: ${error.message}\n`)
    process.exitCode = 1
  }
}
