// node infra/image/build.ts --out DIR [name…]: container images from nothing, one archive each, DIR/<name>.tar.
// With --archive FILE one archive of all of them instead, in which shared layers are once. --sbom DIR: what each is made of, DIR/<name>.cdx.json.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { readVersion } from '../embedded/start/data-directory.ts'
import { compressedBytes, makeImage, writeArchive, type Image } from './archive.ts'
import { baseEntries, imageArchitecture } from './base.ts'
import { imageSources, type Contents, type ImageSource } from './catalogue.ts'
import type { DebianPackage } from './debian.ts'
import { makeLayer } from './layer.ts'
import { readLock, sbomOf } from './sbom.ts'

const USAGE = 2
const PREFIX = 'docker.io/muster'

export interface BuiltImage {
  readonly name: string
  readonly image: Image
  readonly contents: Contents
  /** Debian's packages in it, those of the base first. */
  readonly packages: readonly DebianPackage[]
}

/** Where fetched packages and compressed layers are kept between builds. */
export function imageCache(): string {
  const { MUSTER_TOOLS, XDG_CACHE_HOME } = process.env
  const tools = MUSTER_TOOLS ?? path.join(XDG_CACHE_HOME ?? `${homedir()}/.cache`, 'muster-tools')
  return path.join(tools, 'images')
}

/** What was asked for and is not to be had. */
export class UnknownImage extends Error {}

async function chosen(names: readonly string[]): Promise<ImageSource[]> {
  const sources = await imageSources()
  const unknown = names.find((name) => !sources.some((source) => source.name === name))
  if (unknown !== undefined) {
    const known = sources.map(({ name }) => name).join(', ')
    throw new UnknownImage(`no image is called ${unknown}; there are: ${known}`)
  }
  return names.length === 0 ? sources : sources.filter(({ name }) => names.includes(name))
}

/** Builds the named images, or all, in memory. */
export async function buildImages(
  names: readonly string[],
  cache = imageCache(),
): Promise<BuiltImage[]> {
  const sources = await chosen(names)
  const version = await readVersion()
  const layers = path.join(cache, 'layers')
  const { packages, entries } = await baseEntries(cache)
  const base = await makeLayer(entries, layers)
  const built: BuiltImage[] = []
  for (const { name, contents: read } of sources) {
    const contents = await read(cache)
    const own = await makeLayer(contents.entries, layers)
    const labels = {
      'org.opencontainers.image.title': `muster/${name}`,
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    }
    const image = makeImage(`${PREFIX}/${name}:${version}`, imageArchitecture(), [base, own], {
      ...contents.run,
      labels,
    })
    built.push({ name, image, contents, packages: [...packages, ...contents.packages] })
  }
  return built
}

async function writeWhole(file: string, data: Buffer): Promise<void> {
  await writeFile(`${file}.new`, data)
  await rename(`${file}.new`, file)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { out: { type: 'string' }, archive: { type: 'string' }, sbom: { type: 'string' } },
    allowPositionals: true,
  })
  const { out, archive, sbom } = values
  if (out === undefined && archive === undefined) {
    process.stderr.write(
      'usage: node infra/image/build.ts --out DIR | --archive FILE [--sbom DIR] [name…]\n',
    )
    return USAGE
  }
  const built = await buildImages(positionals)
  if (out !== undefined) await mkdir(out, { recursive: true })
  if (sbom !== undefined) await mkdir(sbom, { recursive: true })
  const lock = await readLock()
  for (const each of built) {
    const { name, image } = each
    if (out !== undefined) await writeWhole(path.join(out, `${name}.tar`), writeArchive([image]))
    if (sbom !== undefined) {
      const text = `${JSON.stringify(sbomOf(each, lock), null, 1)}\n`
      await writeWhole(path.join(sbom, `${name}.cdx.json`), Buffer.from(text))
    }
    const size = (compressedBytes(image) / 1e6).toFixed(1)
    process.stdout.write(`${name.padEnd(16)} ${size} MB  ${image.manifest.digest}\n`)
  }
  if (archive !== undefined)
    await writeWhole(archive, writeArchive(built.map(({ image }) => image)))
  return 0
}

if (import.meta.main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const usage =
      error instanceof UnknownImage ||
      ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    process.stderr.write(`images: ${error.message}\n`)
    process.exitCode = usage ? USAGE : 1
  }
}
