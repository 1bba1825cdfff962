import { statement } from '../db/statement.ts'

export interface ReleaseRow {
  release_id: number
  name: string
  version: string
  created_at: Date
}

export interface ReleaseArtifactRow {
  release_id: number
  hardware_rev: string
  artifact_id: number
  name: string
  size: bigint
  sha256: Buffer
  state: 'ready' | 'blocked'
}

export const insertRelease = statement<[string, string], ReleaseRow>(
  'release_insert',
  `insert into releases (name, version) values ($1::text, $2::text) on conflict do nothing
   returning release_id, name, version, created_at`,
)

export const insertReleaseArtifacts = statement<
  [number, readonly string[], readonly number[]],
  { artifact_id: number }
>(
  'release_artifacts_insert',
  `insert into release_artifacts (release_id, hardware_rev, artifact_id)
   select $1::int, t.hardware_rev, a.artifact_id
     from unnest($2::text[], $3::int[]) t(hardware_rev, artifact_id)
     join artifacts a on a.artifact_id = t.artifact_id and a.state = 'ready'
     left join trusted_keys k on k.key_id = a.key_id
    where a.key_id is null or (k.revoked_at is null and (k.hardware_revs is null or t.hardware_rev = any(k.hardware_revs)))
   returning artifact_id`,
)

export const findRelease = statement<[string, number | null], ReleaseRow>(
  'release_find',
  `select release_id, name, version, created_at from releases where name = $1::text or release_id = $2::int`,
)

export const listReleases = statement<[number | null, number], ReleaseRow>(
  'releases_list',
  `select release_id, name, version, created_at from releases
    where ($1::int is null or release_id < $1) order by release_id desc limit $2::int`,
)

export const readReleaseArtifacts = statement<[readonly number[]], ReleaseArtifactRow>(
  'release_artifacts_read',
  `select r.release_id, r.hardware_rev, r.artifact_id, a.name, a.size, a.sha256, a.state
     from release_artifacts r join artifacts a using (artifact_id)
    where r.release_id = any($1::int[]) order by r.release_id, r.hardware_rev`,
)

export const deleteReleaseRow = statement<[number], { release_id: number }>(
  'release_delete',
  `with u as (select from rollouts where release_id = $1::int limit 1),
        a as (delete from release_artifacts where release_id = $1::int and not exists (select from u))
   select release_id from releases where release_id = $1::int and not exists (select from u)`,
)

export const deleteBareRelease = statement<[number]>(
  'release_delete_bare',
  `delete from releases where release_id = $1::int`,
)
