const run = (text: string): string => {
  if (!/^[0-9]{1,89}$/.test(text)) return `7${text}\u0001`
  const digits = text.replace(/^0+(?=.)/, '')
  return `5${String.fromCharCode(33 + digits.length)}${digits}`
}

const part = (text: string): string => (text.match(/[0-9]+|[^0-9]+/g) ?? []).map(run).join('')

/**
 * A key that sorts by code point as versions do: semver precedence exactly (https://semver.org, 11), vendors' strings in the same order.
 * Equal to the function `version_key` of the database, whose indexes hold it: the result never changes.
 */
export function versionKey(version: string): string {
  const plain = version.replace(/\+[^]*$/, '').replace(/^[vV](?=[0-9])/, '')
  const dash = plain.indexOf('-')
  const core = (dash < 0 ? plain : plain.slice(0, dash)).replace(/(\.0+)+$/, '')
  const key = core.split('.').map(part).join('3')
  if (dash < 0) return `${key}2`
  const pre = plain.slice(dash + 1)
  return `${key}1${pre === '' ? '' : pre.split('.').map(run).join('3')}`
}

/** Code-point order, which is the database's collation "C" on UTF-8; `<` orders UTF-16 units instead. */
export function compareText(a: string, b: string): number {
  let i = 0
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++
  if (i >= a.length || i >= b.length) return a.length - b.length
  return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0)
}
