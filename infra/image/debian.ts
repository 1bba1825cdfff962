// Debian's packages as parts of an image: fetched and checked by apt, unpacked here, only the files that run.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from './command.ts'
import { readTar, type Entry } from './tar.ts'

export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly sha256: string
  /** The package's own description of itself, as `dpkg` keeps it. */
  readonly control: string
  readonly entries: readonly Entry[]
}

const URI_LINE = /^'[^']*' (?<file>\S+) \d+ (?:SHA256:(?<sha256>[0-9a-f]{64}))?/
const DOWNLOAD = ['-o', 'APT::Sandbox::User=root', 'download']
const FOLDERS_OF_USR = /^(?:lib|lib64|bin|sbin)\//

export const sha256 = (data: Buffer | string): string =>
  createHash('sha256').update(data).digest('hex')

/** One field of a control file. */
export function controlField(control: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1] ?? ''
}

/** Today /lib is a link to /usr/lib; packages of Debian 12 name the link. */
const place = (name: string) => (FOLDERS_OF_USR.test(name) ? `usr/${name}` : name)

function merged(entry: Entry): Entry {
  if (entry.type === 'link')
    return { ...entry, path: place(entry.path), target: place(entry.target) }
  if (entry.type === 'symlink')
    return {
      ...entry,
      path: place(entry.path),
      target: entry.target.replace(/^\/lib\//, '/usr/lib/'),
    }
  return { ...entry, path: place(entry.path) }
}

interface Listed {
  readonly file: string
  readonly digest: string
}

// One call for all of them: apt takes most of a second to read its lists. In a folder that has the file it prints nothing, hence the root's.
async function listed(names: readonly string[]): Promise<Map<string, Listed>> {
  const args = [...DOWNLOAD, '--print-uris', ...names]
  const { stdout } = await run('apt-get', args, { cwd: '/' })
  const lines = stdout.split('\n').flatMap((line) => {
    const { file, sha256: digest } = URI_LINE.exec(line)?.groups ?? {}
    if (file === undefined || digest === undefined) return []
    return [[file.slice(0, file.indexOf('_')), { file, digest }] as const]
  })
  return new Map(lines)
}

async function fetched(name: string, { file, digest }: Listed, folder: string): Promise<string> {
  const at = path.join(folder, file)
  if (!existsSync(at)) await run('apt-get', [...DOWNLOAD, '-q', name], { cwd: folder })
  if (sha256(await readFile(at)) !== digest)
    throw new Error(`${at} is not what apt lists; remove it`)
  return at
}

/** Fetches packages of the machine's own Debian, those that the folder has not, and reads what is in them. */
export async function debianPackages(
  names: readonly string[],
  folder: string,
): Promise<DebianPackage[]> {
  await mkdir(folder, { recursive: true })
  const found = await listed(names)
  const read = async (name: string): Promise<DebianPackage> => {
    const there = found.get(name)
    if (there === undefined)
      throw new Error(`apt knows no package ${name}; is "apt-get update" due?`)
    const file = await fetched(name, there, folder)
    const { stdout: control } = await run('dpkg-deb', ['--field', file])
    const { bytes } = await run('dpkg-deb', ['--fsys-tarfile', file])
    return {
      name,
      version: controlField(control, 'Version'),
      architecture: controlField(control, 'Architecture'),
      sha256: there.digest,
      control,
      entries: readTar(bytes).map(merged),
    }
  }
  return Promise.all(names.map(read))
}

const SHARED_OBJECT = /^usr\/lib(?:64)?\/(?:[^/]+-linux-gnu\/)?(?:[^/]+\/)*[^/]+\.so(?:\.[^/]*)?$/
const NEVER = /^usr\/lib\/[^/]+\/(?:gconv|audit|engines-3|ossl-modules|perl)\//

/**
 * What of a package an image takes: shared libraries, the files that are named, the licence, and the package's description where
 * scanners look for it (/var/lib/dpkg/status.d).
 */
export function usedEntries(
  { name, control, entries }: DebianPackage,
  files: readonly string[] = [],
): Entry[] {
  const used = entries.filter(
    ({ type, path: at }) =>
      type !== 'folder' &&
      ((SHARED_OBJECT.test(at) && !NEVER.test(at)) ||
        at === `usr/share/doc/${name}/copyright` ||
        files.includes(at)),
  )
  const status: Entry = {
    type: 'file',
    path: `var/lib/dpkg/status.d/${name}`,
    mode: 0o644,
    data: Buffer.from(control),
  }
  return [...used, status]
}
