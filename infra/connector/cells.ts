// Where brokers are and how they are reached: one by the environment, several by a file.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import * as z from 'zod'
import { ConfigError, type Config } from '../../shared/config.ts'
import type { BrokerAddress, RemoteBroker } from './broker-stream.ts'

/** A broker by its name among the endpoints. */
export interface Cell {
  readonly name: string
  readonly address: BrokerAddress
}

const File = z.string().min(1)
const CellsFile = z.strictObject({
  cells: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name'),
        url: z.url({ protocol: /^mqtts?$/, error: 'is no mqtt:// or mqtts:// URL' }),
        ca_file: File.optional(),
        cert_file: File.optional(),
        key_file: File.optional(),
      }),
    )
    .min(1)
    .refine((cells) => new Set(cells.map(({ name }) => name)).size === cells.length, {
      error: 'two cells have one name',
    }),
})

/**
 * The cells of the environment: `MQTT_URL` alone, or all of `MQTT_CELLS_FILE`; certificates that a cell does not name are those of the environment.
 * @throws {ConfigError} also where both are given
 */
export function cellsOf(config: Config): Cell[] | undefined {
  const { mqttUrl, mqttBroker, mqttCellsFile } = config
  const { mqttCaFile: caFile, mqttCertFile: certFile, mqttKeyFile: keyFile } = config
  const own = { caFile, certFile, keyFile }
  if (mqttCellsFile === undefined) {
    return mqttUrl === undefined
      ? undefined
      : [{ name: mqttBroker, address: { url: mqttUrl, ...own } }]
  }
  if (mqttUrl !== undefined) throw fault('MQTT_URL', 'given, and MQTT_CELLS_FILE too: one of them')
  return parseCells(mqttCellsFile, readFileSync(mqttCellsFile, 'utf8'), own)
}

/** Reads the text of a cells file; `file` names it where it is wrong. */
export function parseCells(file: string, text: string, own: Omit<RemoteBroker, 'url'>): Cell[] {
  const { cells } = validCells(file, text)
  return cells.map(({ name, url, ca_file: ca, cert_file: cert, key_file: key }) => {
    if ((cert === undefined) !== (key === undefined)) {
      throw fault(file, `cell ${name}: cert_file and key_file go together`)
    }
    const pair = cert === undefined ? {} : { certFile: cert, keyFile: key }
    return { name, address: { ...own, url, ...(ca !== undefined && { caFile: ca }), ...pair } }
  })
}

function validCells(file: string, text: string): z.infer<typeof CellsFile> {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw fault(file, `is no YAML: ${error instanceof Error ? firstLine(error.message) : ''}`)
  }
  const parsed = CellsFile.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw fault(file, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? ''

const fault = (shown: string, problem: string): ConfigError => new ConfigError([{ shown, problem }])
