// For each alert: series that raise it, and the same a little better, which do not. promtool's notation: `a+bxN` is N+1 samples, a minute apart.

export interface AlertCase {
  readonly fires: Readonly<Record<string, string>>
  readonly quiet: Readonly<Record<string, string>>
  /** Labels of the alert beside its severity. */
  readonly labels?: Readonly<Record<string, string>>
  /** When it is judged; left out: after 30 minutes. */
  readonly minutes?: number
}

const always = (value: number | string) => `${value}x120`
const DAY = 86_400
// Time begins at 0.
const inDays = (days: number) => always(days * DAY)

const one = (series: string, fires: number, quiet: number, labels = {}): AlertCase => ({
  fires: { [series]: always(fires) },
  quiet: { [series]: always(quiet) },
  labels,
})

const enrolled = (result: string) => `muster_enrollments_total{protocol="json",result="${result}"}`
const broker = (name: string) => `muster_broker_value{cell="c1",name="${name}"}`
const rollout = (outcome: string) => `muster_rollout_devices{outcome="${outcome}",rollout="winter"}`
const calls = (outcome: string) =>
  `muster_function_calls_total{function="ota",outcome="${outcome}"}`

const IDENTITY = {
  EnrolmentNotReady: one('muster_health{part="ca"}', 0, 0.5, { part: 'ca' }),
  HealthUnknown: {
    fires: {},
    quiet: { 'muster_health{part="database"}': always(0) },
    labels: { part: 'database' },
  },
  PartUnwell: one('muster_health{part="retention"}', 0.5, 1, { part: 'retention' }),
  AuthorityEnds: {
    fires: { 'muster_authority_end_timestamp_seconds{issuer="2",state="active"}': inDays(29) },
    quiet: {
      'muster_authority_end_timestamp_seconds{issuer="2",state="active"}': inDays(31),
      'muster_authority_end_timestamp_seconds{issuer="1",state="retired"}': inDays(1),
    },
    labels: { issuer: '2', state: 'active' },
  },
  OwnCertificateEnds: {
    fires: { 'muster_certificate_end_timestamp_seconds{of="edge"}': inDays(13) },
    quiet: { 'muster_certificate_end_timestamp_seconds{of="edge"}': inDays(15) },
    labels: { of: 'edge' },
  },
  CrlOutdated: {
    fires: { 'muster_crl_end_timestamp_seconds{issuer="2"}': inDays(0.2) },
    quiet: { 'muster_crl_end_timestamp_seconds{issuer="2"}': inDays(0.5) },
    labels: { issuer: '2' },
  },
  CeremonyCrlEnds: {
    fires: {
      'muster_crl_end_timestamp_seconds{issuer="1"}': inDays(20),
      'muster_authority_end_timestamp_seconds{issuer="1",state="root"}': inDays(900),
    },
    quiet: {
      'muster_crl_end_timestamp_seconds{issuer="1"}': inDays(20),
      'muster_authority_end_timestamp_seconds{issuer="1",state="active"}': inDays(900),
    },
    labels: { issuer: '1' },
  },
  CredentialsEnd: {
    ...one('muster_credentials_ending{kind="claim"}', 1, 0, { kind: 'claim' }),
    minutes: 65,
  },
  DeviceCertificatesEnd: {
    ...one('muster_certificates_ending{days="14"}', 3, 0, { days: '14' }),
    minutes: 65,
  },
  EnrolmentsFail: {
    fires: { [enrolled('failed')]: '0x20 1+1x40' },
    quiet: { [enrolled('failed')]: always(4), [enrolled('refused')]: '0+5x120' },
    labels: { protocol: 'json' },
  },
  EnrolmentsRefused: {
    fires: { [enrolled('refused')]: '0+3x120', [enrolled('issued')]: '0+2x120' },
    quiet: { [enrolled('refused')]: '0+3x120', [enrolled('issued')]: '0+4x120' },
  },
} satisfies Record<string, AlertCase>

const DELIVERY = {
  SlotUnheld: one('muster_slot_unheld_seconds{broker="c1",class="ota"}', 31, 29, {
    broker: 'c1',
    class: 'ota',
  }),
  OutboxOld: one('muster_outbox_age_seconds{slot="3"}', 61, 59, { slot: '3' }),
  DeadLetters: one('muster_dead_letters_day', 1, 0),
  BrokerNearlyFull: {
    fires: {
      [broker('clients_connected')]: always(901),
      [broker('connections_limit')]: always(1000),
    },
    quiet: {
      [broker('clients_connected')]: always(900),
      [broker('connections_limit')]: always(1000),
    },
    labels: { cell: 'c1' },
  },
  BrokerQueueFills: {
    fires: {
      [broker('store_messages')]: always(751),
      [broker('retained_messages')]: always(250),
      [broker('queue_limit')]: always(1000),
    },
    quiet: {
      [broker('store_messages')]: always(750),
      [broker('retained_messages')]: always(250),
      [broker('queue_limit')]: always(1000),
    },
    labels: { cell: 'c1' },
  },
  BrokerDrops: {
    fires: { [broker('publish_dropped')]: '0x25 1x40' },
    quiet: { [broker('publish_dropped')]: '0x5 1x60' },
    labels: { cell: 'c1' },
  },
  DevicesGone: {
    fires: { muster_devices_connected: '100x24 49x40' },
    quiet: { muster_devices_connected: '100x24 51x40' },
  },
  ScheduleLate: {
    fires: { 'muster_tick_age_seconds{function="pki"}': always(301) },
    quiet: {
      'muster_tick_age_seconds{function="pki"}': always(299),
      'muster_tick_age_seconds{function="expiry-scan"}': always(1799),
    },
    labels: { function: 'pki' },
  },
} satisfies Record<string, AlertCase>

const UPDATES = {
  RolloutFails: {
    fires: { [rollout('failed')]: always(2), [rollout('succeeded')]: always(8) },
    quiet: { [rollout('failed')]: always(1), [rollout('succeeded')]: always(9) },
    labels: { rollout: 'winter' },
  },
  RolloutPaused: { ...one('muster_rollouts_paused', 1, 0), minutes: 65 },
} satisfies Record<string, AlertCase>

const PLATFORM = {
  SnapshotOld: one('muster_database_snapshot_seconds', 601, 599),
  PartitionsShort: one('muster_partitions_ahead{table="audit"}', 2, 3, { table: 'audit' }),
  DatabaseSessions: {
    fires: {
      muster_database_connections: always(81),
      muster_database_connections_limit: always(100),
    },
    quiet: {
      muster_database_connections: always(80),
      muster_database_connections_limit: always(100),
    },
  },
  FleetNumbersOld: one('muster_fleet_numbers_age_seconds', 301, 299),
  FunctionFails: {
    fires: { [calls('failed')]: '0+6x120', [calls('ok')]: '0+94x120' },
    quiet: { [calls('failed')]: '0+5x120', [calls('ok')]: '0+95x120' },
    labels: { function: 'ota' },
  },
  EdgeFails: {
    fires: {
      'muster_edge_answers_total{status="502"}': '0+6x120',
      'muster_edge_answers_total{status="200"}': '0+94x120',
    },
    quiet: {
      'haproxy_frontend_http_responses_total{code="5xx"}': '0+4x120',
      'haproxy_frontend_http_responses_total{code="2xx"}': '0+96x120',
    },
  },
  TargetDown: one('up{instance="a:1",job="edge"}', 0, 1, { instance: 'a:1', job: 'edge' }),
  Watchdog: { fires: {}, quiet: {} },
  PrometheusNotReloaded: one('prometheus_config_last_reload_successful', 0, 1),
  PrometheusRulesFail: {
    fires: { 'prometheus_rule_evaluation_failures_total{rule_group="x"}': '0+1x120' },
    quiet: { 'prometheus_rule_evaluation_failures_total{rule_group="x"}': always(7) },
    labels: { rule_group: 'x' },
  },
  PrometheusCannotNotify: one('prometheus_notifications_alertmanagers_discovered', 0, 1),
} satisfies Record<string, AlertCase>

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  ...IDENTITY,
  ...DELIVERY,
  ...UPDATES,
  ...PLATFORM,
}
