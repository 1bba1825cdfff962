import { statement } from '../../shared/db/statement.ts'

export interface EdgeCrlRow {
  issuer_id: number
  certificate: Buffer
  der: Buffer
}

/** Device authorities, roots too: OpenSSL takes no partial chains. */
export const readEdgeAuthorities = statement<[], { certificate: Buffer }>(
  'edge_chain_read',
  `select certificate from issuers where not_after > now() order by issuer_id`,
)

/** The copy of each authority's CRL that lives a week, as brokers have it. */
export const readEdgeCrls = statement<[], EdgeCrlRow>(
  'edge_crls_read',
  `select i.issuer_id, i.certificate, c.der
     from issuers i join crls c on c.issuer_id = i.issuer_id and c.shard = 1
    where i.not_after > now() order by i.issuer_id`,
)

export const markEdge = statement<[at: Date, problem: string | null]>(
  'edge_health_mark',
  `insert into health_marks as h (name, at, problem) values ('edge', $1::timestamptz, $2::text)
       on conflict (name) do update set at = excluded.at, problem = excluded.problem where h.at < excluded.at`,
)
