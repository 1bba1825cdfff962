import { children, content, DerError, element, expect, TAG, type Element } from './der-read.ts'
import { sequence, set, utf8String } from './der-write.ts'
import { OID } from './oid.ts'

/** One attribute of a distinguished name: its type as DER, and its value as text. */
export interface NameAttribute {
  readonly type: Buffer
  readonly value: string
}

const STRINGS: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString, TAG.ia5String])

/** A Name with one attribute for each RDN, all UTF8String, in the order given. */
export function buildName(attributes: readonly NameAttribute[]): Buffer {
  return sequence(...attributes.map(({ type, value }) => set(sequence(type, utf8String(value)))))
}

/** `O=…, CN=…`, or CN alone. */
export function commonName(name: string, organization?: string): Buffer {
  const own = { type: OID.commonName, value: name }
  return buildName(
    organization === undefined ? [own] : [{ type: OID.organization, value: organization }, own],
  )
}

/** RDNs of a Name, each a list of attributes. Strings of the types that old encoders use for code pages are refused. */
export function readName(der: Buffer, name: Element): NameAttribute[][] {
  if (name.tag !== TAG.sequence) throw new DerError('a name is no sequence')
  return children(der, name).map((rdn) => {
    if (rdn.tag !== TAG.set || rdn.start === rdn.end) throw new DerError('an RDN is no set')
    return children(der, rdn).map((attribute) => readAttribute(der, attribute))
  })
}

function readAttribute(der: Buffer, attribute: Element): NameAttribute {
  if (attribute.tag !== TAG.sequence) throw new DerError('a name attribute is no sequence')
  const type = expect(der, attribute.start, attribute.end, TAG.oid)
  const value = element(der, type.end, attribute.end)
  if (value.end !== attribute.end || !STRINGS.has(value.tag)) {
    throw new DerError('a name attribute is no UTF8String, PrintableString or IA5String')
  }
  return { type: der.subarray(type.at, type.end), value: content(der, value).toString('utf8') }
}

/** The only commonName; undefined where there is none. Two are refused: readers disagree which one counts. */
export function soleCommonName(name: readonly NameAttribute[][]): string | undefined {
  const found = name.flat().filter((attribute) => attribute.type.equals(OID.commonName))
  if (found.length > 1) throw new DerError('a name has two common names')
  return found[0]?.value
}

/** RFC 5280 §7.1, for what devices send: same types, values equal but for case and runs of spaces; the string type does not count. */
export function sameName(a: readonly NameAttribute[][], b: readonly NameAttribute[][]): boolean {
  return canonical(a) === canonical(b)
}

function canonical(name: readonly NameAttribute[][]): string {
  return JSON.stringify(
    name.map((rdn) =>
      rdn.map(({ type, value }) => [type.toString('hex'), fold(value)].join('=')).toSorted(),
    ),
  )
}

function fold(value: string): string {
  return value.normalize('NFKC').toLowerCase().trim().replace(/ +/g, ' ')
}
