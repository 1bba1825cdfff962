import { statement } from '../db/statement.ts'

export interface TopicRow {
  filter: string
  device: 'publish' | 'subscribe' | 'both'
  created_at: Date
}

export const listTopics = statement<[after: string | null, limit: number], TopicRow>(
  'topics_list',
  `select filter, device, created_at from topics where ($1::text is null or filter > $1::text) order by filter limit $2::int`,
)

export const readTopic = statement<[filter: string], TopicRow>(
  'topic_read',
  `select filter, device, created_at from topics where filter = $1::text`,
)

export const insertTopic = statement<[filter: string, device: string], TopicRow>(
  'topic_insert',
  `insert into topics (filter, device) values ($1::text, $2::text) on conflict (filter) do nothing
   returning filter, device, created_at`,
)

export const deleteTopic = statement<[filter: string], { filter: string }>(
  'topic_delete',
  `delete from topics where filter = $1::text returning filter`,
)
