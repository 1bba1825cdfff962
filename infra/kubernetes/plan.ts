// What Kubernetes must know of each function: from stack.yml and infra/routes.yml what they say, the rest from the table here.
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import * as z from 'zod'
import { readRouteFile } from '../build/route-file.ts'
import { CALLS, callersOf, mountsOf, usesStore } from '../setup/mounts.ts'

export interface FunctionPlan {
  readonly name: string
  readonly image: string
  readonly annotations: Readonly<Record<string, string>>
  /** Who calls it, besides nobody: pods by name. */
  readonly callers: readonly string[]
  /** What is mounted at /var/openfaas/secrets, out of the Secret `muster-<name>`. */
  readonly secrets: readonly string[]
  readonly reaches: Reaches
  readonly replicas: { readonly least: number; readonly most: number }
  readonly memory: { readonly request: string; readonly limit: string }
  readonly cpu: string
}

/** What it opens connections to, besides the database and DNS. */
interface Reaches {
  /** Other functions. */
  readonly functions: readonly string[]
  /** The object store. */
  readonly store: boolean
  /** HTTPS anywhere: webhooks, and the keys of an OpenID Connect issuer. */
  readonly outside: boolean
}

const isText = (entry: [string, string | undefined]): entry is [string, string] =>
  entry[1] !== undefined

const Stack = z.object({
  functions: z.record(
    z.string(),
    z.object({
      image: z.string(),
      // Triggers alone: what OpenFaaS wants of its own is written where it is described.
      annotations: z
        .object({ topic: z.string().optional(), schedule: z.string().optional() })
        .default({})
        .transform((all) => Object.fromEntries(Object.entries(all).filter(isText))),
    }),
  ),
})

/** What the firmware of a fleet passes through, and what a storm meets, may become more; what only a clock calls is one. */
const MOST: Readonly<Record<string, number>> = { 'shadow-update': 20, 'compute-delta': 10 }
const CLOCKWORK = new Set(['ota-notify', 'expiry-scan', 'retention'])
const ROOMY = new Set(['shadow-update', 'compute-delta', 'ota'])

/** Every function of the stack file, in its order. */
export async function readPlans(root: URL): Promise<FunctionPlan[]> {
  const stack = Stack.parse(parse(await readFile(new URL('stack.yml', root), 'utf8')))
  const rows = readRouteFile(await readFile(new URL('infra/routes.yml', root), 'utf8'))
  const routed = new Set(rows.map(({ to }) => to))
  return Object.entries(stack.functions).map(([name, { image, annotations }]) => ({
    name,
    image: `docker.io/${image}`,
    annotations,
    callers: [
      ...(routed.has(name) ? ['edge'] : []),
      ...(Object.keys(annotations).length > 0 ? ['connector'] : []),
      ...callersOf(name),
    ],
    secrets: mountsOf(name),
    reaches: {
      functions: CALLS[name] ?? [],
      store: usesStore(name),
      // The signer reaches nothing but the database, though it has public routes: they need no token.
      outside: routed.has(name) && name !== 'pki',
    },
    replicas: CLOCKWORK.has(name) ? { least: 1, most: 1 } : { least: 2, most: MOST[name] ?? 6 },
    memory: ROOMY.has(name)
      ? { request: '128Mi', limit: '384Mi' }
      : { request: '96Mi', limit: '256Mi' },
    cpu: ROOMY.has(name) ? '100m' : '25m',
  }))
}
