import { sha256 } from '../pki/key.ts'
import { oid } from '../pki/der-write.ts'
import type { AllowlistRow } from './admit-queries.ts'
import type { Candidate } from './admit.ts'
import { judgeEntry } from './judge.ts'
import type { Reason } from './refusal.ts'
import type { EnrollRequest } from './request.ts'

interface Key {
  readonly value: string
  readonly match: AllowlistRow['match']
}

const SERIAL_NUMBER = oid('2.5.4.5')

/** What of a request may stand on the allowlist: its key, the serial number in its subject, its device id, most telling first. */
export function allowlistKeys({ deviceId, csr }: EnrollRequest): Key[] {
  const serials = csr.subject.flat().filter(({ type }) => type.equals(SERIAL_NUMBER))
  return [
    { match: 'spki', value: sha256(csr.key.spki).toString('hex') },
    ...serials.slice(0, 1).map(({ value }): Key => ({ match: 'serial', value })),
    { match: 'device_id', value: deviceId },
    // A serial that is the device's name needs no attribute of its own.
    ...(serials.length === 0 ? [{ match: 'serial', value: deviceId } as const] : []),
  ]
}

export function keyOf({ match, value }: Key): string {
  return `${match} ${value}`
}

/**
 * The first entry that lets the candidate in; else why the most telling one does not. `isOthers`: the name is a device's that was enrolled by
 * another key.
 */
export function chooseEntry(
  entries: ReadonlyMap<string, AllowlistRow>,
  { request, credentialId, credentialHardware }: Candidate,
  { now, isOthers }: { readonly now: Date; readonly isOthers: boolean },
): AllowlistRow | Reason {
  const { deviceId, hardwareRev } = request
  let first: Reason | undefined
  for (const key of allowlistKeys(request)) {
    const entry = entries.get(keyOf(key))
    if (!entry) continue
    const fault = judgeEntry(entry, {
      deviceId,
      hardwareRev,
      credentialId,
      credentialHardware,
      isOthers,
      now,
    })
    if (fault === undefined) return entry
    first ??= fault
  }
  return first ?? 'allowlist_missing'
}
