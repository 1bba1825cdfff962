import { padEnd, plain, width } from './text.ts'

const STEP = '  '

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) !== null

const scalar = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '')

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `${STEP}${line}`)
}

/** What stands below a name, or beside it when it is one line. */
function valueLines(value: unknown): { beside: string } | { below: string[] } {
  if (isObject(value)) return { below: objectLines(value) }
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each !== 'object'))
      return { beside: value.map(scalar).join(', ') }
    return { below: value.flatMap(itemLines) }
  }
  // A certificate or a script keeps its lines.
  const lines = scalar(value).trimEnd().split('\n')
  return lines.length > 1 ? { below: lines.map(plain) } : { beside: scalar(value) }
}

function itemLines(item: unknown): string[] {
  const [first = '', ...rest] = isObject(item) ? objectLines(item) : [plain(scalar(item))]
  return [`- ${first}`].concat(indented(rest))
}

function objectLines(value: Record<string, unknown>): string[] {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined && each !== null)
  const size = Math.max(0, ...entries.map(([name]) => width(plain(name))))
  const lines: string[] = []
  for (const [name, each] of entries) {
    const shown = valueLines(each)
    if ('beside' in shown)
      lines.push(`${padEnd(plain(name), size)}  ${plain(shown.beside)}`.trimEnd())
    else if (shown.below.length > 0) lines.push(plain(name), ...indented(shown.below))
  }
  return lines
}

/** One thing for people: a name and its value a line, what is inside below it. */
export function details(value: unknown): string {
  const lines = isObject(value) ? objectLines(value) : [plain(scalar(value))]
  return `${lines.join('\n')}\n`
}
