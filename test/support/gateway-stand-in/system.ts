// The part of the gateway's REST that deploys and scales: /system/functions, /system/function/<name>,
// /system/scale-function/<name> and /system/secrets.
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as z from 'zod'
import type { Deployed, Deployment, Provider } from './provider.ts'

// faas-provider's types; names that it does not know, Go's decoder passes over in silence.
const Texts = z.record(z.string(), z.string()).nullish()
const FunctionDeployment = z.object({
  service: z.string(),
  image: z.string(),
  envVars: Texts,
  secrets: z.array(z.string()).nullish(),
  labels: Texts,
  annotations: Texts,
})
const Scale = z.object({ serviceName: z.string(), replicas: z.int().min(0) })
const Secret = z.object({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/),
  value: z.string().optional(),
  rawValue: z.base64().optional(),
})
const Named = z.object({ functionName: z.string() })

const status = ({ replicas, available, service, image, ...rest }: Deployed) => ({
  name: service,
  image,
  labels: rest.labels,
  annotations: rest.annotations,
  secrets: rest.secrets,
  replicas,
  availableReplicas: available,
  invocationCount: 0,
})

async function bodyOf<T>(request: IncomingMessage, shape: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return shape.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
}

async function deploymentOf(request: IncomingMessage): Promise<Deployment> {
  const given = await bodyOf(request, FunctionDeployment)
  return {
    service: given.service,
    image: given.image,
    envVars: given.envVars ?? {},
    secrets: given.secrets ?? [],
    labels: given.labels ?? {},
    annotations: given.annotations ?? {},
  }
}

type Reply = readonly [status: number, body?: unknown]
type Answer = (provider: Provider, request: IncomingMessage, name: string) => Promise<Reply> | Reply

const done = (there: boolean, code: number): Reply => (there ? [code] : [404])

async function putSecret({ secrets }: Provider, request: IncomingMessage): Promise<void> {
  const { name, value, rawValue } = await bodyOf(request, Secret)
  secrets.set(
    name,
    rawValue === undefined ? Buffer.from(value ?? '') : Buffer.from(rawValue, 'base64'),
  )
}

/** Secrets that a deployment names and nobody has made. */
function missing({ secrets }: Provider, deployment: Deployment): string | undefined {
  return deployment.secrets.find((name) => !secrets.has(name))
}

async function deploy(
  provider: Provider,
  request: IncomingMessage,
  isNew: boolean,
): Promise<Reply> {
  const deployment = await deploymentOf(request)
  const lacking = missing(provider, deployment)
  if (lacking !== undefined) return [400, `unable to find secret: ${lacking}`]
  if (!isNew) return done(provider.update(deployment), 202)
  return provider.deploy(deployment) ? [202] : [409]
}

async function scale(provider: Provider, request: IncomingMessage, name: string): Promise<Reply> {
  const { replicas } = await bodyOf(request, Scale)
  return done(provider.scale(name, replicas), 202)
}

const ANSWERS: Readonly<Record<string, Answer>> = {
  'GET functions': (provider) => [200, provider.list().map(status)],
  'POST functions': (provider, request) => deploy(provider, request, true),
  'PUT functions': (provider, request) => deploy(provider, request, false),
  'DELETE functions': async (provider, request) =>
    done(provider.remove((await bodyOf(request, Named)).functionName), 202),
  'GET function': (provider, _request, name) => {
    const found = provider.list().find(({ service }) => service === name)
    return found ? [200, status(found)] : [404]
  },
  'POST scale-function': scale,
  'GET secrets': ({ secrets }) => [200, [...secrets.keys()].map((name) => ({ name }))],
  'POST secrets': async (provider, request) => (await putSecret(provider, request), [201]),
  'PUT secrets': async (provider, request) => (await putSecret(provider, request), [200]),
  'DELETE secrets': async ({ secrets }, request) =>
    done(secrets.delete((await bodyOf(request, z.object({ name: z.string() }))).name), 202),
}

/** Answers a request below /system/, already authenticated. */
export async function answerSystem(
  provider: Provider,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , what = '', name = ''] = path.split('/')
  const answer = ANSWERS[`${request.method} ${what}`]
  const [code, body] = answer
    ? await Promise.resolve(answer(provider, request, name)).catch((error: unknown): Reply => {
        return [400, error instanceof Error ? error.message : '']
      })
    : [404]
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  const type = typeof body === 'object' ? 'application/json' : 'text/plain'
  response.writeHead(code, { 'Content-Type': type }).end(text)
}
