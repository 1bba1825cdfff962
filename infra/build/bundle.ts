// npm run build: one bundle per function, dist/<name>/index.mjs, which runs that function as a process of its own.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { build, type BuildOptions, type Metafile } from 'esbuild'
import { functionNames } from '../function/names.ts'
import { bundleWatchdog } from './watchdog.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
/** Functions that answer many at once have four connections, the rest two (docs: Connections). */
const WIDE = new Set(['shadow-update', 'compute-delta', 'ota-report', 'enroll', 'pki'])

function entryOf(name: string): string {
  const connections = WIDE.has(name) ? 4 : 2
  return `import { handler } from './functions/${name}/handler.ts'
import { createDeps } from './functions/${name}/deps.ts'
import { serveFunction } from './infra/function/serve.ts'
await serveFunction('${name}', { handler, createDeps, connections: ${connections} })
`
}

// Packages of CommonJS ask for Node's own modules by `require`, which a module does not have.
const BANNER = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`

/** How a function is bundled. */
export function functionBuild(name: string): BuildOptions {
  return {
    absWorkingDir: ROOT,
    stdin: {
      contents: entryOf(name),
      resolveDir: ROOT,
      sourcefile: `${name}.ts`,
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What is loaded on first use (S3, CMS) stays a file of its own, and costs a start nothing.
    splitting: true,
    outdir: path.join(ROOT, 'dist', name),
    entryNames: 'index',
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    banner: { js: BANNER },
    mainFields: ['module', 'main'],
    external: ['pg-native', 'pino-pretty'],
    sourcemap: 'linked',
    metafile: true,
    logLevel: 'error',
  }
}

/** Bundles one function; what went into it, and which of it is loaded at the start. */
export async function bundleFunction(name: string, write = true): Promise<Metafile> {
  if (write) await rm(path.join(ROOT, 'dist', name), { recursive: true, force: true })
  const { metafile } = await build({ ...functionBuild(name), metafile: true, write })
  return metafile
}

/** Packages whose code is read when the process starts, without what is loaded on first use; with their bytes. */
export function packagesAtStart({ outputs }: Metafile): Map<string, number> {
  const packages = new Map<string, number>()
  const seen = new Set<string>()
  const waiting = Object.keys(outputs).filter((file) => path.basename(file) === 'index.mjs')
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const output = outputs[file]
    if (output === undefined || seen.has(file)) continue
    seen.add(file)
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]
      if (name !== undefined) packages.set(name, (packages.get(name) ?? 0) + bytesInOutput)
    }
    for (const { path: next, kind } of output.imports)
      if (kind === 'import-statement') waiting.push(next)
  }
  return packages
}

if (import.meta.main) {
  await bundleWatchdog()
  for (const name of await functionNames()) {
    const { outputs } = await bundleFunction(name)
    const bytes = Object.entries(outputs)
      .filter(([file]) => file.endsWith('.mjs'))
      .reduce((sum, [, output]) => sum + output.bytes, 0)
    process.stdout.write(`${name.padEnd(16)} ${Math.round(bytes / 1024)} KiB\n`)
  }
}
