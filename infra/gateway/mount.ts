import { deriveHopKey } from '../../shared/hop/keys.ts'
import { createVerifier } from '../../shared/hop/verify.ts'
import type { Host } from '../../shared/host.ts'
import { DispatchError, type Dispatch } from './dispatch.ts'
import { createInternalCall } from './internal-call.ts'

/** Who calls functions, each by keys derived from its root. */
const CALLERS = ['edge', 'connector', 'enroll', 'est', 'register', 'admin'] as const

export interface MountOptions {
  /** Names of the functions: `functions/<name>/` holds handler and dependencies. */
  readonly names: readonly string[]
  /** What each function gets, apart from what the gateway itself knows. */
  readonly hostOf: (name: string) => Omit<Host, 'name' | 'hop' | 'call'>
  /** One root for all callers: they live in one process. */
  readonly hop: { readonly kid: string; readonly root: Buffer }
}

type Handler = (request: Request) => Promise<Response>

/** A function's folder: `handler.ts` and `deps.ts`, as infra/build/bundle.ts joins them too. */
interface FunctionFolder {
  readonly handler: (request: Request, deps: unknown) => Promise<Response>
  readonly createDeps: (host: Host) => Promise<unknown>
}

/** Loads every function into this process and makes its dependencies; all are ready, or this throws. */
export async function mountFunctions(options: MountOptions): Promise<Dispatch> {
  const handlers = new Map<string, Handler>()
  const dispatch: Dispatch = async (name, request) => {
    const handler = handlers.get(name)
    if (!handler) throw new DispatchError(404, `no function ${name}`)
    return await handler(request)
  }
  await Promise.all(
    options.names.map(async (name) => {
      const folder = await loadFolder(name)
      const deps = await folder.createDeps(hostFor(options, name, dispatch))
      handlers.set(name, (request) => folder.handler(request, deps))
    }),
  )
  return dispatch
}

function hostFor({ hop, hostOf }: MountOptions, name: string, dispatch: Dispatch): Host {
  const given = hostOf(name)
  const now = () => given.clock.now()
  const { kid, root } = hop
  const keys = CALLERS.map((caller) => ({ kid, caller, key: deriveHopKey(root, caller, name) }))
  const keyOf = (callee: string) => ({ kid, key: deriveHopKey(root, name, callee) })
  return {
    ...given,
    name,
    hop: createVerifier({ callee: name, keys: () => keys, now }),
    call: createInternalCall({ caller: name, keyOf, now, dispatch }),
  }
}

async function loadFolder(name: string): Promise<FunctionFolder> {
  const folder = new URL(`../../functions/${name}/`, import.meta.url)
  const [handler, deps]: unknown[] = await Promise.all([
    import(new URL('handler.ts', folder).href),
    import(new URL('deps.ts', folder).href),
  ])
  if (!hasHandler(handler) || !hasDeps(deps))
    throw new Error(`functions/${name} lacks handler or createDeps`)
  return { handler: handler.handler, createDeps: deps.createDeps }
}

function hasHandler(module: unknown): module is Pick<FunctionFolder, 'handler'> {
  return isObject(module) && 'handler' in module && typeof module.handler === 'function'
}

function hasDeps(module: unknown): module is Pick<FunctionFolder, 'createDeps'> {
  return isObject(module) && 'createDeps' in module && typeof module.createDeps === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
