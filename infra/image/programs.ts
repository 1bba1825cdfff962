// Bundles of what runs beside the functions: connector, broker agent, and the tools. Each lies in its image where it lies in the
// repository, so that the files it reads by a path of its own are found.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { HOME, ROOT } from './base.ts'
import type { Entry } from './tar.ts'

export interface Program {
  /** Source of each entry, by the path of its bundle in the image without the ending. */
  readonly entries: Readonly<Record<string, string>>
  /** Files of the repository that it reads, by their path in the image. */
  readonly files: Readonly<Record<string, string>>
}

export interface Bundled {
  readonly entries: Entry[]
  readonly metafile: Metafile
}

const BANNER = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`

// `muster start` brings PostgreSQL, broker and store of its own: in an image there are none.
const withoutStart: Plugin = {
  name: 'without-start',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^\.\/start\.ts$/ }, ({ importer, resolveDir }) =>
      importer.endsWith('infra/cli/local.ts')
        ? { path: path.resolve(resolveDir, '../image/no-start.ts') }
        : undefined,
    )
  },
}

/** Bundles a program's entries; a part that two of them use, or that is loaded on first use, is a file of its own. */
export async function bundleProgram({ entries, files }: Program): Promise<Bundled> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(entries).map(([out, source]) => ({ in: source, out })),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    splitting: true,
    outdir: path.join(ROOT, 'dist/image'),
    chunkNames: `${path.dirname(Object.keys(entries)[0] ?? '')}/[name]-[hash]`,
    outExtension: { '.js': '.mjs' },
    banner: { js: BANNER },
    mainFields: ['module', 'main'],
    keepNames: true,
    external: ['pg-native', 'pino-pretty', 'bufferutil', 'utf-8-validate'],
    plugins: [withoutStart],
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const built = outputFiles.map(({ path: file, contents }) =>
    placed(path.relative(path.join(ROOT, 'dist/image'), file), Buffer.from(contents)),
  )
  const copied = Object.entries(files).map(async ([at, file]) =>
    placed(at, await readFile(path.join(ROOT, file))),
  )
  return { entries: [...built, ...(await Promise.all(copied))], metafile }
}

const placed = (file: string, data: Buffer): Entry => ({
  type: 'file',
  path: `${HOME}/${file}`,
  mode: 0o644,
  data,
})
