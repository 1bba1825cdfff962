export interface ArtifactRow {
  artifact_id: number
  name: string
  format: 'raw'
  version: string
  size: bigint
  sha256: Buffer
  sha1: Buffer
  md5: Buffer
  object: string
  signature: 'trusted' | 'unsigned_allowed'
  key_id: string | null
  state: 'ready' | 'blocked'
  created_at: Date
}

/** An artifact with the hardware revisions that releases give it to. */
export interface Artifact extends ArtifactRow {
  hardware_revs: string[]
}
