// Who calls whom, and which secrets each function mounts: one table for the setup, Kubernetes and compose. stack.yml says the same, by its own names.

type ByFunction = Readonly<Record<string, readonly string[]>>

/** Functions that call another one, all of them the signer: `call('pki', '/internal/…')` in the sources; a test compares. */
export const CALLS: ByFunction = {
  enroll: ['pki'],
  est: ['pki'],
  register: ['pki'],
  admin: ['pki'],
}

/** Secrets of the installation, which are mounted as they are. */
export const INSTALLATION_SECRETS: ByFunction = {
  pki: ['ca-certificates', 'ca-issuing-key', 'claim-ca-certificate', 'claim-ca-key'],
  enroll: ['kek'],
  admin: ['kek'],
  retention: ['audit-key'],
}

export const STORE_SECRETS = ['s3-access-key', 's3-secret-key'] as const
const STORES = new Set(['ota', 'ota-report'])

/** Whether a function reads and writes the object store. */
export const usesStore = (name: string): boolean => STORES.has(name)

export const callersOf = (name: string): string[] =>
  Object.keys(CALLS).filter((caller) => CALLS[caller]?.includes(name))

/** Names of all that a function finds at /var/openfaas/secrets. */
export const mountsOf = (name: string): string[] => [
  'database-url',
  'hop-keys',
  ...(CALLS[name] ? ['hop-root'] : []),
  ...(INSTALLATION_SECRETS[name] ?? []),
  ...(usesStore(name) ? STORE_SECRETS : []),
]
