import type { Deps } from './deps.ts'

/** Where a device renews its certificate. */
export function renewUrl({ config }: Pick<Deps, 'config'>): string {
  return `${config.apiUrl}/api/v1/enroll/renew`
}
