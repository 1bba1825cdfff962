// The images: what lies in each besides the base, and how its containers run.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { build, type Metafile } from 'esbuild'
import { functionBuild } from '../build/bundle.ts'
import { functionNames } from '../function/names.ts'
import type { RunConfig } from './archive.ts'
import { HOME, packageEntries, ROOT, textFile, USER } from './base.ts'
import type { DebianPackage } from './debian.ts'
import { bundleProgram, type Program } from './programs.ts'
import type { Entry } from './tar.ts'

/** What one image is made of, above the base. */
export interface Contents {
  readonly entries: readonly Entry[]
  /** Debian's packages that only this image has. */
  readonly packages: readonly DebianPackage[]
  /** What our code in it was bundled from. */
  readonly metafile: Metafile
  readonly run: Omit<RunConfig, 'labels'>
}

export interface ImageSource {
  readonly name: string
  readonly contents: (cache: string) => Promise<Contents>
}

const NODE = '/usr/bin/node'
const COMMON = {
  user: `${USER}:${USER}`,
  env: { PATH: '/usr/bin:/usr/sbin', NODE_ENV: 'production' },
}
const FUNCTION_PORT = 8080
const METRICS_PORT = 8082
const WATCHDOG = 'dist/watchdog/index.mjs'

/** The watchdog's stand-in, where it is built: in front of the function, as of-watchdog is on OpenFaaS. */
const hasWatchdog = () => existsSync(path.join(ROOT, WATCHDOG))

async function functionContents(name: string): Promise<Contents> {
  const { outputFiles, metafile } = await build({
    ...functionBuild(name),
    sourcemap: false,
    metafile: true,
    write: false,
  })
  const home = `${HOME}/${name}`
  const entries = outputFiles.map(({ path: file, contents }) => ({
    type: 'file' as const,
    path: `${home}/${path.basename(file)}`,
    mode: 0o644,
    data: Buffer.from(contents),
  }))
  const base = { ...COMMON, folder: `/${home}`, ports: [FUNCTION_PORT, METRICS_PORT] }
  if (!hasWatchdog()) {
    const env = { ...COMMON.env, PORT: String(FUNCTION_PORT) }
    return {
      entries,
      packages: [],
      metafile,
      run: { ...base, env, entrypoint: [NODE, 'index.mjs'] },
    }
  }
  const watchdog = await readFile(path.join(ROOT, WATCHDOG))
  const watched: Entry = { type: 'file', path: `${HOME}/watchdog.mjs`, mode: 0o644, data: watchdog }
  return {
    entries: [...entries, watched],
    packages: [],
    metafile,
    run: {
      ...base,
      env: { ...COMMON.env, ...WATCHDOG_ENV },
      entrypoint: [NODE, `/${HOME}/watchdog.mjs`],
    },
  }
}

/** Settings of of-watchdog, and so of its stand-in. */
const WATCHDOG_ENV = {
  mode: 'http',
  fprocess: `${NODE} index.mjs`,
  http_upstream_url: 'http://127.0.0.1:3000',
  ready_path: '/ready',
  healthcheck_interval: '2s',
  exec_timeout: '60s',
  read_timeout: '60s',
  write_timeout: '60s',
}

const CONNECTOR: Program = {
  entries: { 'infra/connector/main': 'infra/connector/main.ts' },
  files: ['stack.yml'],
}

const BROKER: Program = {
  entries: {
    'infra/broker/main': 'infra/broker/main.ts',
    'infra/broker/contained': 'infra/broker/contained.ts',
  },
  files: [],
}

const MOSQUITTO_PACKAGES = {
  mosquitto: ['usr/sbin/mosquitto'],
  libcap2: [],
  'libcom-err2': [],
  libdlt2: [],
  libgcrypt20: [],
  'libgpg-error0': [],
  'libgssapi-krb5-2': [],
  libk5crypto3: [],
  libkeyutils1: [],
  'libkrb5-3': [],
  libkrb5support0: [],
  'liblz4-1': [],
  liblzma5: [],
  libnsl2: [],
  libssl3: [],
  libsystemd0: [],
  libtirpc3: [],
  libwrap0: [],
  libzstd1: [],
}

const TOOLS: Program = {
  entries: {
    'infra/cli/muster': 'infra/cli/muster.ts',
  },
  files: ['package.json', 'stack.yml', 'infra/migrations/grants.yml'],
}

async function programContents(
  program: Program,
  run: Partial<Contents['run']> & Pick<Contents['run'], 'entrypoint'>,
  more: readonly Entry[] = [],
): Promise<Contents> {
  const { entries, metafile } = await bundleProgram(program)
  const defaults = { ...COMMON, folder: `/${HOME}`, ports: [] }
  return { entries: [...entries, ...more], packages: [], metafile, run: { ...defaults, ...run } }
}

async function brokerContents(cache: string): Promise<Contents> {
  const { packages, entries } = await packageEntries(MOSQUITTO_PACKAGES, cache)
  const folder = '/var/lib/muster/broker'
  const contents = await programContents(
    BROKER,
    {
      entrypoint: [NODE, `/${HOME}/infra/broker/contained.mjs`],
      ports: [8883, 8884],
      env: { ...COMMON.env, BROKER_FOLDER: folder },
    },
    [...entries, { type: 'folder', path: folder.slice(1), mode: 0o755 }],
  )
  return { ...contents, packages }
}

/** Every image of Muster, functions first. */
export async function imageSources(): Promise<ImageSource[]> {
  const functions = (await functionNames()).map((name) => ({
    name,
    contents: () => functionContents(name),
  }))
  return [
    ...functions,
    {
      name: 'connector',
      contents: () =>
        programContents(CONNECTOR, {
          entrypoint: [NODE, `/${HOME}/infra/connector/main.mjs`],
          ports: [METRICS_PORT],
        }),
    },
    { name: 'broker', contents: brokerContents },
    {
      name: 'tools',
      contents: () =>
        programContents(TOOLS, { entrypoint: [NODE, `/${HOME}/infra/cli/muster.mjs`] }, [
          textFile(`${HOME}/.keep`, ''),
        ]),
    },
  ]
}
