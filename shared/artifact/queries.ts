import { statement } from '../db/statement.ts'
import type { Artifact, ArtifactRow } from './artifact.ts'

export const insertArtifact = statement<
  [string, string, bigint, Buffer, Buffer, Buffer, string, string, string | null],
  ArtifactRow
>(
  'artifact_insert',
  `insert into artifacts (name, format, version, size, sha256, sha1, md5, object, signature, key_id, state)
   values ($1::text, 'raw', $2::text, $3::bigint, $4::bytea, $5::bytea, $6::bytea, $7::text, $8::text, $9::text, 'ready')
   on conflict do nothing
   returning artifact_id, name, format, version, size, sha256, sha1, md5, object, signature, key_id, state, created_at`,
)

export const readArtifactBySha256 = statement<[Buffer], ArtifactRow>(
  'artifact_by_sha256',
  `select artifact_id, name, format, version, size, sha256, sha1, md5, object, signature, key_id, state, created_at
     from artifacts where sha256 = $1::bytea`,
)

export const readArtifact = statement<[number], Artifact>(
  'artifact_read',
  `select a.artifact_id, a.name, a.format, a.version, a.size, a.sha256, a.sha1, a.md5, a.object, a.signature, a.key_id, a.state, a.created_at,
          array(select distinct r.hardware_rev from release_artifacts r where r.artifact_id = a.artifact_id order by 1) as hardware_revs
     from artifacts a where a.artifact_id = $1::int`,
)

// Newest first.
export const listArtifacts = statement<[number | null, number], Artifact>(
  'artifacts_list',
  `select a.artifact_id, a.name, a.format, a.version, a.size, a.sha256, a.sha1, a.md5, a.object, a.signature, a.key_id, a.state, a.created_at,
          array(select distinct r.hardware_rev from release_artifacts r where r.artifact_id = a.artifact_id order by 1) as hardware_revs
     from artifacts a where ($1::int is null or a.artifact_id < $1) order by a.artifact_id desc limit $2::int`,
)

export const deleteArtifactRow = statement<[number], { object: string }>(
  'artifact_delete',
  `delete from artifacts a where a.artifact_id = $1::int
      and not exists (select from release_artifacts r where r.artifact_id = a.artifact_id)
   returning object`,
)

export const blockArtifact = statement<[number], { artifact_id: number }>(
  'artifact_block',
  `update artifacts set state = 'blocked' where artifact_id = $1::int and state = 'ready' returning artifact_id`,
)

export const blockArtifactsOfKey = statement<[string], { artifact_id: number }>(
  'artifacts_block_key',
  `update artifacts set state = 'blocked' where key_id = $1::text and state = 'ready' returning artifact_id`,
)

// While an open action of the device names it: by the release, for the device's own hardware.
export const readDeviceArtifact = statement<[string, number], ArtifactRow>(
  'artifact_of_device',
  `select f.artifact_id, f.name, f.format, f.version, f.size, f.sha256, f.sha1, f.md5, f.object, f.signature, f.key_id, f.state, f.created_at
     from actions a
     join devices d on d.device_id = a.device_id
     join release_artifacts r on r.release_id = a.release_id and r.hardware_rev = d.hardware_rev
     join artifacts f on f.artifact_id = r.artifact_id
    where a.device_id = $1::text and a.phase = 'open' and f.artifact_id = $2::int and f.state = 'ready'`,
)
