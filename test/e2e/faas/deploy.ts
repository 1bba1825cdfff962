// Deploys the functions of stack.yml by a gateway's REST, OpenFaaS' own or the stand-in's, as `faas-cli deploy` does.
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'
import type { Config } from '../../../shared/config.ts'
import { deriveHopKey, formatHopKeys } from '../../../shared/hop/keys.ts'
import { until } from '../../support/until.ts'

const Texts = z.record(z.string(), z.string())
const Amounts = z.object({ memory: z.string().optional(), cpu: z.string().optional() })
const Stack = z.object({
  functions: z.record(
    z.string(),
    z.object({
      image: z.string(),
      environment: Texts,
      secrets: z.array(z.string()),
      labels: Texts,
      annotations: Texts,
      limits: Amounts,
      requests: Amounts,
    }),
  ),
})
const Status = z.array(z.object({ name: z.string(), availableReplicas: z.int().default(0) }))

/** Who calls functions; here all by one root. */
const CALLERS = ['edge', 'connector', 'enroll', 'est', 'register', 'admin']
const READY_SECONDS = 120

export interface DeployOptions {
  /** Of the gateway, as this process reaches it. */
  readonly url: string
  readonly credentials: { readonly user: string; readonly password: string } | undefined
  /** Goes before `muster/<name>:<version>`. */
  readonly imagePrefix: string
  readonly config: Config
  readonly hopRoot: Buffer
  /** A secret of the installation by its name. */
  readonly secret: (name: string) => Promise<string>
  /** Variables of a function. */
  readonly env: (name: string) => Readonly<Record<string, string>>
  /** Replicas of a function; undefined: as the stack file says. */
  readonly replicas: (name: string) => number | undefined
}

function hopKeys(root: Buffer, callee: string): string {
  const keys = CALLERS.map((caller) => ({
    kid: 'k1',
    caller,
    key: deriveHopKey(root, caller, callee),
  }))
  return formatHopKeys(keys)
}

async function secretText(options: DeployOptions, secret: string, name: string): Promise<string> {
  const { config, hopRoot } = options
  switch (secret) {
    case `database-url-${name}`:
      return config.databaseUrl ?? ''
    case `hop-keys-${name}`:
      return hopKeys(hopRoot, name)
    case `hop-root-${name}`:
      return hopRoot.toString('base64')
    case 's3-access-key':
      return config.s3AccessKey ?? ''
    case 's3-secret-key':
      return config.s3SecretKey ?? ''
    default:
      return options.secret(secret)
  }
}

export class GatewayRest {
  readonly #url: string
  readonly #headers: Record<string, string>

  constructor({ url, credentials }: Pick<DeployOptions, 'url' | 'credentials'>) {
    this.#url = url
    const known = credentials && `${credentials.user}:${credentials.password}`
    this.#headers = {
      'content-type': 'application/json',
      ...(known && { authorization: `Basic ${Buffer.from(known).toString('base64')}` }),
    }
  }

  /** @throws unless the answer is 2xx, or one of these */
  async ask(method: string, path: string, body?: object, also: readonly number[] = []) {
    const target = new URL(`/system/${path}`, this.#url)
    const answer = await fetch(target, {
      method,
      headers: this.#headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok && !also.includes(answer.status))
      throw new Error(`${method} ${target.pathname}: ${answer.status} ${text.trim()}`)
    return { status: answer.status, text }
  }

  /** POST, and where it is there already, PUT. */
  async put(path: string, body: object): Promise<void> {
    // Gateways differ in how they say that it is there: 409, or 500 with a text.
    const { status } = await this.ask('POST', path, body, [400, 409, 500])
    if (status >= 400) await this.ask('PUT', path, body)
  }

  async available(): Promise<Map<string, number>> {
    const { text } = await this.ask('GET', 'functions')
    const known = Status.parse(JSON.parse(text))
    return new Map(known.map(({ name, availableReplicas }) => [name, availableReplicas]))
  }
}

/** Makes the secrets, deploys all functions and waits until one replica of each is ready; their names. */
export async function deployFunctions(options: DeployOptions): Promise<string[]> {
  const rest = new GatewayRest(options)
  const file = new URL('../../../stack.yml', import.meta.url)
  const { functions } = Stack.parse(parse(await readFile(file, 'utf8')))
  for (const [service, given] of Object.entries(functions)) {
    for (const name of given.secrets) {
      const value = await secretText(options, name, service)
      await rest.put('secrets', { name, value })
    }
    const { image, environment, secrets, annotations, limits, requests } = given
    const replicas = options.replicas(service)
    const labels = {
      ...given.labels,
      ...(replicas !== undefined && { 'com.openfaas.scale.min': String(replicas) }),
    }
    await rest.put('functions', {
      service,
      image: options.imagePrefix + image,
      envVars: { ...environment, ...options.env(service) },
      secrets,
      labels,
      annotations,
      limits,
      requests,
      readOnlyRootFilesystem: true,
    })
  }
  const names = Object.keys(functions)
  const ready = async () => {
    const available = await rest.available()
    return names.every((name) => (available.get(name) ?? 0) > 0)
  }
  await until('all functions available', ready, READY_SECONDS)
  return names
}

/** Takes the functions away again; their secrets stay. */
export async function removeFunctions(
  options: DeployOptions,
  names: readonly string[],
): Promise<void> {
  const rest = new GatewayRest(options)
  for (const functionName of names) await rest.ask('DELETE', 'functions', { functionName }, [404])
}
