// Tar archives, as much of them as images and Debian's packages use: files, folders, symbolic and hard links.
// What is written depends on the entries alone: no times, no owners, in the order of paths.

export type Entry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly data: Buffer }
  | { readonly type: 'folder'; readonly path: string; readonly mode: number }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | { readonly type: 'link'; readonly path: string; readonly target: string }

const BLOCK = 512
const TYPE_FLAGS = { file: '0', link: '1', symlink: '2', folder: '5' } as const
const LONG_NAME = 'L'
const LONG_TARGET = 'K'

const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`

const padding = (length: number) => Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK)

/** A path of up to 100 bytes, or the two parts of one of up to 255 (POSIX ustar). */
function nameParts(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' }
  const cut = path.lastIndexOf('/', 155)
  const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)]
  if (cut <= 0 || Buffer.byteLength(name) > 100) throw new Error(`tar: path too long: ${path}`)
  return { name, prefix }
}

function header(entry: Entry): Buffer {
  const block = Buffer.alloc(BLOCK)
  const { name, prefix } = nameParts(entry.type === 'folder' ? `${entry.path}/` : entry.path)
  const size = entry.type === 'file' ? entry.data.length : 0
  const mode = 'mode' in entry ? entry.mode : 0o777
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, octal(mode, 8)],
    [108, octal(0, 8)],
    [116, octal(0, 8)],
    [124, octal(size, 12)],
    [136, octal(0, 12)],
    [148, ' '.repeat(8)],
    [156, TYPE_FLAGS[entry.type]],
    [157, 'target' in entry ? entry.target : ''],
    [257, 'ustar\x0000'],
    [345, prefix],
  ]
  for (const [offset, text] of fields) block.write(text, offset, 'utf8')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** The archive of the entries, with the folders above them. Of two entries of one path the later one counts. */
export function writeTar(entries: readonly Entry[]): Buffer {
  const byPath = new Map<string, Entry>()
  for (const entry of entries) {
    const parts = entry.path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      if (!byPath.has(path)) byPath.set(path, { type: 'folder', path, mode: 0o755 })
    }
    byPath.set(entry.path, entry)
  }
  const sorted = [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const blocks = sorted.flatMap((entry) =>
    entry.type === 'file'
      ? [header(entry), entry.data, padding(entry.data.length)]
      : [header(entry)],
  )
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

const text = (block: Buffer, from: number, length: number) => {
  const field = block.subarray(from, from + length)
  const end = field.indexOf(0)
  return field.subarray(0, end < 0 ? length : end).toString('utf8')
}

/** Leading `./` and trailing `/` are not part of a path. */
const clean = (path: string) => path.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '')

function entryOf(block: Buffer, path: string, target: string, data: Buffer): Entry | undefined {
  const mode = Number.parseInt(text(block, 100, 8).trim(), 8) & 0o7777
  const flag = text(block, 156, 1)
  if (flag === TYPE_FLAGS.folder) return { type: 'folder', path, mode }
  if (flag === TYPE_FLAGS.symlink) return { type: 'symlink', path, target }
  if (flag === TYPE_FLAGS.link) return { type: 'link', path, target: clean(target) }
  if (flag === TYPE_FLAGS.file || flag === '') return { type: 'file', path, mode, data }
  return undefined
}

/** Entries of an archive in the formats ustar and GNU; other kinds (devices) are left out. */
export function readTar(archive: Buffer): Entry[] {
  const entries: Entry[] = []
  let long = { name: '', target: '' }
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const block = archive.subarray(at, at + BLOCK)
    const size = Number.parseInt(text(block, 124, 12).trim() || '0', 8)
    const data = archive.subarray(at + BLOCK, at + BLOCK + size)
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
    const flag = text(block, 156, 1)
    if (flag === LONG_NAME) long.name = text(data, 0, size)
    else if (flag === LONG_TARGET) long.target = text(data, 0, size)
    else {
      const prefix = text(block, 257, 6) === 'ustar' ? text(block, 345, 155) : ''
      const short = prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`
      const path = clean(long.name || short)
      const entry = entryOf(block, path, long.target || text(block, 157, 100), data)
      if (entry !== undefined && path !== '') entries.push(entry)
      long = { name: '', target: '' }
    }
  }
  return entries
}
