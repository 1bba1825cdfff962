import { statement } from '../db/statement.ts'

export interface RolloutArtifact {
  artifact_id: number
  object: string
  size: bigint
  sha256: Buffer
  key_id: string | null
  state: 'ready' | 'blocked'
}

export const readRolloutArtifacts = statement<[number], RolloutArtifact>(
  'rollout_artifacts_read',
  `select distinct f.artifact_id, f.object, f.size, f.sha256, f.key_id, f.state
     from rollouts r join release_artifacts a using (release_id) join artifacts f using (artifact_id)
    where r.rollout_id = $1::int order by f.artifact_id`,
)
