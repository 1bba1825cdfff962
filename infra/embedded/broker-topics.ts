/** Who is at the other end of a connection, as its certificate and the registry say. */
export type BrokerIdentity =
  | { readonly kind: 'device'; readonly id: string }
  /** An application of the operator's. */
  | { readonly kind: 'service'; readonly id: string }
  /** Muster's own, over a stream within the process. */
  | { readonly kind: 'connector'; readonly id: string }

/** A topic filter of the operator's; `{id}` is the device's id. */
export interface OperatorTopic {
  readonly filter: string
  readonly device: 'publish' | 'subscribe' | 'both'
}

const SHADOW = /^shadow\/(name\/[^/]+\/)?(update|get|delete)$/
const NATIVE = /^(ota\/status|ota\/chunk\/get|config\/reported|status)$/
const JOBS = /^jobs\/(get|start-next|[^/]+\/(get|update))$/
const RETAINED = /^devices\/[^/]+\/(config\/[^/]+|status)$/
const NEVER_OPERATORS = /^(\$|devices(\/|$)|muster(\/|$))/

/** What a device asks of Muster on its own topics; all else there is Muster's to say. */
export function isRequest(topic: string): boolean {
  const [, native, rest = ''] = /^(devices|\$aws\/things)\/[^/]+\/(.+)$/.exec(topic) ?? []
  if (SHADOW.test(rest)) return true
  return native === 'devices' ? NATIVE.test(rest) : JOBS.test(rest)
}

/** Whether the topic filter takes this topic (MQTT 3.1.1 §4.7). */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [index, each] of wanted.entries()) {
    if (each === '#') return true
    if (index >= levels.length || (each !== '+' && each !== levels[index])) return false
  }
  return wanted.length === levels.length
}

/** Whether every topic that `inner` takes is taken by `outer` too. */
export function covers(outer: string, inner: string): boolean {
  const wide = outer.split('/')
  const narrow = inner.split('/')
  for (const [index, each] of wide.entries()) {
    if (each === '#') return true
    const level = narrow[index]
    if (level === undefined || level === '#') return false
    if (each !== '+' && each !== level) return false
  }
  return wide.length === narrow.length
}

function ownPrefix(topic: string, id: string): boolean {
  return topic.startsWith(`devices/${id}/`) || topic.startsWith(`$aws/things/${id}/`)
}

function operatorFilters(
  topics: readonly OperatorTopic[],
  identity: BrokerIdentity,
  way: 'publish' | 'subscribe',
): string[] {
  const id = identity.kind === 'device' ? identity.id : '+'
  return topics
    .filter(({ filter }) => !NEVER_OPERATORS.test(filter))
    .filter(({ device }) => identity.kind !== 'device' || device === way || device === 'both')
    .map(({ filter }) => filter.replaceAll('{id}', id))
}

export function mayPublish(
  identity: BrokerIdentity,
  topic: string,
  topics: readonly OperatorTopic[],
): boolean {
  if (identity.kind === 'connector') return true
  if (identity.kind === 'device' && ownPrefix(topic, identity.id)) return isRequest(topic)
  return operatorFilters(topics, identity, 'publish').some((filter) => matches(filter, topic))
}

/** Refused here is what could never deliver anything; each message is judged again by `mayReceive`. */
export function maySubscribe(
  identity: BrokerIdentity,
  filter: string,
  topics: readonly OperatorTopic[],
): boolean {
  if (identity.kind === 'connector') return true
  if (filter.startsWith('$share/')) return false
  if (identity.kind === 'device' && ownPrefix(filter, identity.id)) return true
  return operatorFilters(topics, identity, 'subscribe').some((outer) => covers(outer, filter))
}

export function mayReceive(
  identity: BrokerIdentity,
  topic: string,
  topics: readonly OperatorTopic[],
): boolean {
  if (identity.kind === 'connector') return true
  if (identity.kind === 'device' && ownPrefix(topic, identity.id)) return !isRequest(topic)
  return operatorFilters(topics, identity, 'subscribe').some((filter) => matches(filter, topic))
}

/** RETAIN counts for lightweight documents, presence and Muster's own marks only. */
export function mayRetain(identity: BrokerIdentity, topic: string): boolean {
  return RETAINED.test(topic) || (identity.kind === 'connector' && topic.startsWith('muster/'))
}
