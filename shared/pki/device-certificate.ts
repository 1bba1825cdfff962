import type { Certificate } from './certificate-read.ts'
import { BACKDATE_MS, signCertificate } from './certificate-sign.ts'
import {
  crlDistributionPoint,
  endEntity,
  extendedKeyUsage,
  issuerLocation,
  keyUsage,
  subjectAltName,
  subjectKeyId,
} from './extension.ts'
import type { Issuer } from './issuer.ts'
import { keyId, type PublicKey } from './key.ts'
import { commonName } from './name.ts'
import { OID } from './oid.ts'
import { deviceNames, type Profile } from './profile.ts'

const DAY_MS = 86_400_000
const SIGNATURE = keyUsage(0)
const CLIENT = extendedKeyUsage(OID.clientAuth)

/** A device's operational certificate: everything from profile and registry, the key alone from the request. */
export function signDeviceCertificate(
  issuer: Issuer,
  {
    profile,
    deviceId,
    key,
    now,
  }: { profile: Profile; deviceId: string; key: PublicKey; now: Date },
): Certificate {
  return signCertificate(issuer, {
    subject: commonName(deviceId, profile.organization),
    key,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + profile.lifetime_days * DAY_MS),
    extensions: [
      endEntity,
      SIGNATURE,
      CLIENT,
      issuer.authorityKeyId,
      subjectKeyId(keyId(key.bits)),
      subjectAltName(deviceNames(profile, deviceId)),
      ...(profile.crl_url === undefined ? [] : [crlDistributionPoint(profile.crl_url)]),
      ...(profile.issuer_url === undefined ? [] : [issuerLocation(profile.issuer_url)]),
    ],
  })
}

/**
 * From 17 thirtieths of life to two thirds, so that a fleet enrolled in one hour does not renew in one, and a device that renews when it is asked is
 * done before anyone is alerted.
 */
export function renewAt(certificate: Certificate, random: number): Date {
  const start = certificate.notBefore.getTime()
  const life = certificate.notAfter.getTime() - start
  return new Date(start + life * (2 / 3 - random / 10))
}
