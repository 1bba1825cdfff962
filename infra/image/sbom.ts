// What an image is made of, as CycloneDX 1.6: packages whose code is in the bundle, Node, and Debian's packages.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import * as z from 'zod'
import { imageArchitecture, ROOT } from './base.ts'
import type { BuiltImage } from './build.ts'
import { controlField, type DebianPackage } from './debian.ts'

interface Component {
  readonly type: 'library' | 'application' | 'operating-system' | 'container'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl?: string
  readonly licenses?: readonly { readonly expression: string }[]
  readonly hashes?: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[]
}

export interface Sbom {
  readonly bomFormat: 'CycloneDX'
  readonly specVersion: '1.6'
  readonly serialNumber: string
  readonly version: number
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

const Lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
    }),
  ),
})
type Lock = z.infer<typeof Lockfile>['packages']

export async function readLock(): Promise<Lock> {
  const text = await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')
  return Lockfile.parse(JSON.parse(text)).packages
}

const SHA512 = 'sha512-'

function npmComponent(folder: string, lock: Lock): Component {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const { version, license, integrity } = lock[folder] ?? {}
  if (version === undefined) throw new Error(`${folder} is bundled, and not in package-lock.json`)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  const content = Buffer.from((integrity ?? '').slice(SHA512.length), 'base64').toString('hex')
  return {
    type: 'library',
    'bom-ref': `${purl}#${folder}`,
    name,
    version,
    purl,
    ...(license !== undefined && { licenses: [{ expression: license }] }),
    ...(integrity?.startsWith(SHA512) && { hashes: [{ alg: 'SHA-512', content }] }),
  }
}

function debianComponent({ name, version, sha256, control }: DebianPackage): Component {
  const architecture = controlField(control, 'Architecture')
  const purl = `pkg:deb/debian/${name.replaceAll('+', '%2B')}@${encodeURIComponent(version)}?arch=${architecture}`
  const hashes = [{ alg: 'SHA-256' as const, content: sha256 }]
  return { type: 'library', 'bom-ref': purl, name, version, purl, hashes }
}

/** Folders of the packages whose code the bundle holds. */
export function bundledPackages({ contents }: Pick<BuiltImage, 'contents'>): string[] {
  const used = Object.values(contents.metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([input]) => input),
  )
  const folders = used.flatMap((input) => {
    const match = /^(?:.*\/)?(node_modules\/.*)$/.exec(input)?.[1]
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(match ?? '')?.[1]
    return folder === undefined ? [] : [folder]
  })
  return [...new Set(folders)].toSorted()
}

/** A UUID of the image's digest: the same image, the same number. */
function serial(digest: string): string {
  const hex = createHash('sha256').update(digest).digest('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ]
  return `urn:uuid:${parts.join('-')}-${hex.slice(20, 32)}`
}

/** The SBOM of one image. */
export function sbomOf(built: BuiltImage, lock: Lock): Sbom {
  const { image, packages } = built
  const [place = '', version = ''] = image.reference.split(/:(?=[^:]*$)/)
  const digest = image.manifest.digest
  const purl = `pkg:oci/${built.name}@${encodeURIComponent(digest)}?repository_url=${place}&arch=${imageArchitecture()}`
  const component: Component = { type: 'container', 'bom-ref': purl, name: place, version, purl }
  const node = npmComponent('node_modules/node', lock)
  const components = [
    { ...node, type: 'application' as const },
    ...bundledPackages(built).map((folder) => npmComponent(folder, lock)),
    ...packages.map(debianComponent),
  ]
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serial(digest),
    version: 1,
    metadata: { component },
    components,
    dependencies: [{ ref: purl, dependsOn: components.map((each) => each['bom-ref']) }],
  }
}
