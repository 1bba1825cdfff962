// The SBOM of an image against CycloneDX's own schema, as the package of CycloneDX's library has it. Formats of strings are not looked at.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { makeImage } from '../../infra/image/archive.ts'
import type { BuiltImage } from '../../infra/image/build.ts'
import { imageSources } from '../../infra/image/catalogue.ts'
import { readLock, sbomOf } from '../../infra/image/sbom.ts'

const FOLDER = new URL(
  '../../node_modules/@cyclonedx/cyclonedx-library/res/schema/',
  import.meta.url,
)
const schema = (name: string): object =>
  JSON.parse(readFileSync(new URL(`${name}.SNAPSHOT.schema.json`, FOLDER), 'utf8'))
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
for (const name of ['spdx', 'jsf-0.82'])
  ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
const validate = ajv.compile(schema('bom-1.6'))

const PACKAGE = {
  name: 'libstdc++6',
  version: '1:12.2.0-14+deb12u1',
  architecture: 'amd64',
  sha256: 'ab'.repeat(32),
  control: 'Package: libstdc++6\nArchitecture: amd64\n',
  entries: [],
}

/** An image as it is built, save layers and Debian's files, which an SBOM does not read. */
async function described(name: string): Promise<BuiltImage> {
  const source = (await imageSources()).find((each) => each.name === name)
  assert.ok(source)
  const contents = await source.contents('')
  const run = { ...contents.run, labels: {} }
  const image = makeImage(`docker.io/muster/${name}:0.1.0`, 'amd64', [], run)
  return { name, image, contents, packages: [PACKAGE] }
}

for (const name of ['pki', 'ota', 'connector', 'tools']) {
  test(`ok/the SBOM of ${name} is CycloneDX 1.6`, async () => {
    const sbom = sbomOf(await described(name), await readLock())
    assert.ok(validate(sbom), ajv.errorsText(validate.errors))
    const names = sbom.components.map((each) => each.name)
    for (const wanted of ['node', 'libstdc++6']) assert.ok(names.includes(wanted), wanted)
    assert.ok(names.length > 4)
  })
}

test('fail/what the schema does not know or misses', async () => {
  const sbom = sbomOf(await described('connector'), await readLock())
  const [first] = sbom.components
  const faults = [
    { ...sbom, specversion: '1.6' },
    { ...sbom, serialNumber: 'urn:uuid:1' },
    { ...sbom, components: [first, first] },
    { ...sbom, components: [{ ...first, type: 'program' }] },
    { ...sbom, components: [{ ...first, hashes: [{ alg: 'SHA-256', content: 'short' }] }] },
  ]
  for (const fault of faults) assert.ok(!validate(fault), JSON.stringify(fault).slice(0, 200))
})
