import type { Config } from '../../../shared/config.ts'
import type { DataDirectory } from './data-directory.ts'
import type { StartedDatabase } from './database.ts'
import { shownPath } from './shown-path.ts'

const UNITS: readonly [seconds: number, name: string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** `3 h ago`. */
export function ago(from: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - from.getTime()) / 1000))
  const [size, name] = UNITS.find(([least]) => seconds >= least) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${name} ago`
}

const inSeconds = (seconds: number): string => `${seconds.toFixed(1)} s`

/** The first line: which Muster, on which data, in what state. */
export function headline(
  version: string,
  data: DataDirectory,
  devices: bigint | undefined,
  now: Date,
): string {
  const place = `Muster ${version}, data in ${shownPath(data.folder)}`
  if (data.isNew) return `${place} (new)`
  const last = data.recovered
    ? 'recovered'
    : data.stoppedAt && `stopped ${ago(data.stoppedAt, now)}`
  const count = devices === 1n ? '1 device' : devices !== undefined && `${devices} devices`
  const known = [count, last].filter((word) => typeof word === 'string')
  return known.length === 0 ? place : `${place} (${known.join(', ')})`
}

/** The second line: what was made or started. */
export function progress(database: StartedDatabase, made: boolean, authorityEnds: Date): string {
  const { embedded, seconds, migrated, migrationSeconds } = database
  const verb = embedded === undefined ? 'reached' : embedded.made ? 'created' : 'started'
  const words = [`database ${verb} ${inSeconds(seconds)}`]
  if (migrated.applied > 0) {
    const count = migrated.applied === 1 ? '1 migration' : `${migrated.applied} migrations`
    words.push(`${count} ${inSeconds(migrationSeconds)}`)
  }
  words.push(made ? 'CA made' : `CA until ${authorityEnds.getUTCFullYear()}`)
  return `  ${words.join(', ')}`
}

/** Where to go from here. */
export function welcome(config: Config, data: DataDirectory, seconds: number): string {
  const at = (name: string) => shownPath(data.file(name))
  return [
    `Ready in ${inSeconds(seconds)}`,
    `  Console  ${config.apiUrl}/  browsers warn until ${at('ca.pem')} is trusted`,
    `  API      ${config.apiUrl}/api/v1`,
    `  MQTT     ${config.mqttPublicUrl}`,
    `  Token    ${at('operator.token')}`,
    'Next  ./muster demo   ./muster open   ./muster credential create token',
  ].join('\n')
}
