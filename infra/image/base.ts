// The layer that all images share: the libraries that Node needs, Node itself, and the little of a system it expects.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { debianPackages, usedEntries, type DebianPackage } from './debian.ts'
import type { Entry } from './tar.ts'

export const ROOT = path.resolve(import.meta.dirname, '../..')
/** The ordinary user of every container. */
export const USER = 1000
/** Where our own files lie in an image. */
export const HOME = 'opt/muster'

const NODE_FILE = path.join(ROOT, 'node_modules/node/bin/node')
/** Packages of the base, with the files besides libraries that it takes of them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'base-files': ['usr/lib/os-release', 'etc/debian_version'],
  libc6: [],
  'libgcc-s1': [],
  'libstdc++6': [],
}

export const textFile = (at: string, text: string, mode = 0o644): Entry => ({
  type: 'file',
  path: at,
  mode,
  data: Buffer.from(text),
})

const link = (at: string, target: string): Entry => ({ type: 'symlink', path: at, target })

function system(): Entry[] {
  return [
    link('lib', 'usr/lib'),
    link('lib64', 'usr/lib64'),
    link('bin', 'usr/bin'),
    link('sbin', 'usr/sbin'),
    link('etc/os-release', '../usr/lib/os-release'),
    textFile(
      'etc/passwd',
      `root:x:0:0:root:/root:/sbin/nologin\nmuster:x:${USER}:${USER}:Muster:/:/sbin/nologin\n`,
    ),
    textFile('etc/group', `root:x:0:\nmuster:x:${USER}:\n`),
    textFile('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    { type: 'folder', path: 'tmp', mode: 0o1777 },
    { type: 'folder', path: 'var/openfaas/secrets', mode: 0o755 },
  ]
}

/** Architecture of this machine in the words of OCI. */
export function imageArchitecture(): string {
  return { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
}

/** Debian's packages with the files that an image takes of them. */
export async function packageEntries(
  wanted: Readonly<Record<string, readonly string[]>>,
  cache: string,
): Promise<{ packages: DebianPackage[]; entries: Entry[] }> {
  const packages = await debianPackages(Object.keys(wanted), path.join(cache, 'debian'))
  const entries = packages.flatMap((found) => usedEntries(found, wanted[found.name]))
  return { packages, entries }
}

/** Everything of the base. */
export async function baseEntries(
  cache: string,
): Promise<{ packages: DebianPackage[]; entries: Entry[] }> {
  const { packages, entries } = await packageEntries(PACKAGES, cache)
  const node: Entry = {
    type: 'file',
    path: 'usr/bin/node',
    mode: 0o755,
    data: await readNode(),
  }
  return { packages, entries: [...system(), ...entries, node] }
}

async function readNode(): Promise<Buffer> {
  try {
    return await readFile(NODE_FILE)
  } catch (cause) {
    throw new Error('node_modules has no node: run "npm ci" with its install scripts', { cause })
  }
}
