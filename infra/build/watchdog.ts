// npm run build: dist/watchdog/index.mjs, the stand-in for of-watchdog, one file.
import path from 'node:path'
import { build } from 'esbuild'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** Bundles the stand-in; the file. */
export async function bundleWatchdog(): Promise<string> {
  const outfile = path.join(ROOT, 'dist/watchdog/index.mjs')
  await build({
    entryPoints: [path.join(ROOT, 'test/support/watchdog/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    logLevel: 'error',
  })
  return outfile
}
