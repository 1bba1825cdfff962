// What stands behind the gateway's REST: functions, their replicas and secrets.

/** A function as `POST /system/functions` tells it; what else it may say, the stand-in does not know. */
export interface Deployment {
  readonly service: string
  readonly image: string
  readonly envVars: Readonly<Record<string, string>>
  readonly secrets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Deployed extends Deployment {
  /** As many as are wanted, and as many as answer. */
  readonly replicas: number
  readonly available: number
}

export interface Provider {
  list(): readonly Deployed[]
  /** Where calls go, in turn: `host:port`. None: no replica is ready. Undefined: no such function. */
  endpoints(name: string): readonly string[] | undefined
  /** False: a function of this name is there already. */
  deploy(deployment: Deployment): boolean
  /** Replaces it, one replica after the other. False: there is none. */
  update(deployment: Deployment): boolean
  scale(name: string, replicas: number): boolean
  remove(name: string): boolean
  readonly secrets: Map<string, Buffer>
}
