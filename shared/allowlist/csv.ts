import { NewEntry } from './entry.ts'

/** The header of an allowlist file, which it must begin with. */
export const CSV_HEADER = 'match,value,device_id,hardware_rev,credentials,expires_at,max_uses'

const COLUMNS = CSV_HEADER.split(',').length
const MAX_USES = /^[1-9]\d{0,6}$/

export type Line = { readonly entry: NewEntry } | { readonly fault: string }

/** Fields of one line (RFC 4180, without line breaks inside of quotes); undefined when its quotes do not close. */
export function splitFields(line: string): string[] | undefined {
  const fields: string[] = []
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y
  for (;;) {
    const found = field.exec(line)
    if (found === null) return undefined
    const [, quoted, plain = '', end] = found
    fields.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === '') return fields
  }
}

/** A field as a file writes it; what a spreadsheet would take for a formula is quoted, and the leading sign stays data. */
export function writeField(text: string): string {
  return /[",\r\n]|^[=+\-@\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Reads the lines of a chunk; `from` is the number of the first one in its file, where line 1 is the header. */
export function readLines(text: string, from: number): Line[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line, index) => (from + index === 1 ? readHeader(line) : readLine(line)))
}

const HEADER_ENTRY: NewEntry = { match: 'device_id', value: 'header', max_uses: 1 }

function readHeader(line: string): Line {
  const plain = line.replace(/^\uFEFF/, '')
  return plain === CSV_HEADER
    ? { entry: HEADER_ENTRY }
    : { fault: `the header is not ${CSV_HEADER}` }
}

function readLine(line: string): Line {
  const fields = splitFields(line)
  if (fields === undefined) return { fault: 'the quotes do not close' }
  if (fields.length !== COLUMNS) {
    return { fault: `${fields.length} fields, not ${COLUMNS}` }
  }
  const [match, value, deviceId, hardware, credentials, expires, uses] = fields
  if (uses && !MAX_USES.test(uses)) return { fault: 'max_uses: not a number from 1' }
  const parsed = NewEntry.safeParse({
    match: match === '' ? undefined : match,
    value,
    ...(deviceId && { device_id: deviceId }),
    ...(hardware && { hardware_rev: hardware }),
    ...(credentials && { credentials: credentials.split(' ').filter(Boolean) }),
    ...(expires && { expires_at: expires }),
    ...(uses && { max_uses: Number(uses) }),
  })
  if (parsed.success) return { entry: parsed.data }
  const [issue] = parsed.error.issues
  return { fault: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}` }
}
