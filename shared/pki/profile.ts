import * as z from 'zod'
import type { AltName } from './extension.ts'

const HttpUrl = z
  .string()
  .regex(/^http:\/\/[\x21-\x7e]+$/)
  .max(512)

/**
 * What a certificate of a kind is like. Subject, names, usages and lifetime come from here and from the registry, never from
 * the request.
 */
export const Profile = z.strictObject({
  organization: z.string().min(1).max(64).default('Muster'),
  lifetime_days: z.int().min(1).max(7300).default(90),
  /** Certificates that may be valid for a device's id in DNS too, for stacks that read nothing else. */
  dns_name: z.boolean().default(false),
  /** A new key at renewal, or the old one too. */
  rekey: z.enum(['allow', 'require']).default('allow'),
  crl_url: HttpUrl.optional(),
  issuer_url: HttpUrl.optional(),
})
export type Profile = z.infer<typeof Profile>

export const DEFAULT_PROFILE = 'device'

/** The name that a device's certificate carries beside its common name. */
export function deviceUri(deviceId: string): string {
  return `urn:muster:device:${deviceId}`
}

/** Names of a device's certificate, in order. */
export function deviceNames(profile: Profile, deviceId: string): AltName[] {
  const uri: AltName = { kind: 'uri', value: deviceUri(deviceId) }
  return profile.dns_name && isHostName(deviceId)
    ? [uri, { kind: 'dns', value: deviceId.toLowerCase() }]
    : [uri]
}

function isHostName(text: string): boolean {
  return text
    .split('.')
    .every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
}
