import { readFileSync } from 'node:fs'

/**
 * Options of a test that needs a server which may be missing: skipped with its name for a user; in CI it fails,
 * save what .ci/allowed-skips names.
 */
export function needs(server: string, there: boolean): { skip: false | string } {
  if (there) return { skip: false }
  if (process.env['CI'] !== 'true' || allowed().has(server)) return { skip: `${server} is missing` }
  throw new Error(`${server} is missing, and .ci/allowed-skips does not name it`)
}

/**
 * Options of a test whose tools take longer to build than every run may take: it runs where they lie in $MUSTER_TOOLS, is skipped with its name where they
 * do not, in CI too, and fails under `npm run test:full`, which builds them.
 */
export function needsBuilt(tool: string, there: boolean): { skip: false | string } {
  if (there) return { skip: false }
  if (process.env['MUSTER_TEST_FULL'] !== '1') return { skip: `${tool} is not built: test:full` }
  throw new Error(`${tool} is missing, though npm run test:full builds it`)
}

function allowed(): Set<string> {
  const text = readFileSync(new URL('../../.ci/allowed-skips', import.meta.url), 'utf8')
  return new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
}
