// Requests of devices, by openssl: what stands in them is what a real client writes.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface DeviceKey {
  /** PKCS#8 PEM. */
  readonly key: string
  /** Request for this subject, with options of `openssl req`. */
  readonly csr: (subject: string, ...options: readonly string[]) => string
}

const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
const quiet = (args: readonly string[]): string =>
  execFileSync('openssl', [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** A new key, on P-256 or of another kind by options of `openssl genpkey`. */
export function deviceKey(kind: readonly string[] = P256): DeviceKey {
  const key = quiet(['genpkey', ...kind])
  return {
    key,
    csr: (subject, ...options) =>
      inFolder((folder) => {
        const file = path.join(folder, 'key')
        writeFileSync(file, key, { mode: 0o600 })
        return quiet(['req', '-new', '-key', file, '-subj', subject, ...options])
      }),
  }
}

/** Works in a folder that goes away. */
export function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'muster-pki-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Base64 of a PEM's DER, on one line: the body of an EST client. */
export function bare(pem: string): string {
  return pem.replaceAll(/-----[^-]+-----|\s/g, '')
}
