import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Where OpenFaaS and Kubernetes mount secrets. */
const MOUNTED = '/var/openfaas/secrets'

export type Environment = Readonly<Record<string, string | undefined>>

export interface SecretPlace {
  readonly env: Environment
  /** The function that asks: `<name>-<function>` is tried before `<name>`. */
  readonly functionName?: string | undefined
  /** Folder of mounted secrets; another one where all secrets are made by the start itself. */
  readonly folder?: string | undefined
}

/** A secret that two sources tell differently, or whose file cannot be read. */
export class SecretFault extends Error {}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new SecretFault(`${file} cannot be read`, { cause: error })
  }
}

/** Without the line ends that editors and `echo` leave behind. */
function trimmed(content: Buffer): Buffer {
  let end = content.length
  while (end > 0 && (content[end - 1] === 10 || content[end - 1] === 13)) end--
  return content.subarray(0, end)
}

/**
 * Reads a secret by its kebab-case name, afresh: `S_FILE`, `S`, `<folder>/<s>-<function>`, else `<folder>/<s>`.
 * @throws {SecretFault} when two sources differ or a named file is missing
 */
export function readSecret(name: string, place: SecretPlace): Buffer | undefined {
  const variable = name.toUpperCase().replaceAll('-', '_')
  const found: Buffer[] = []
  const file = place.env[`${variable}_FILE`]
  if (file !== undefined) {
    const content = read(file)
    if (content === undefined) throw new SecretFault(`${variable}_FILE names a missing file`)
    found.push(trimmed(content))
  }
  const value = place.env[variable]
  if (value !== undefined) found.push(Buffer.from(value))
  const folder = place.folder ?? MOUNTED
  const mounted =
    (place.functionName === undefined
      ? undefined
      : read(path.join(folder, `${name}-${place.functionName}`))) ?? read(path.join(folder, name))
  if (mounted !== undefined) found.push(trimmed(mounted))
  const [first, ...others] = found
  if (first !== undefined && others.some((other) => !other.equals(first))) {
    throw new SecretFault(`${variable} is told differently by two sources`)
  }
  return first
}

/** The text of a passphrase's file; undefined where none is configured. */
export function readPassphrase(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  const content = read(file)
  if (content === undefined) throw new SecretFault('MUSTER_PASSPHRASE_FILE names a missing file')
  return trimmed(content).toString('utf8')
}
