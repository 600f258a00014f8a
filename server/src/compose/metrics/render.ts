import type { Alert, Metric } from './metric.ts'
import { createInstruments } from './registry.ts'
import { METRICS } from './table.ts'

/** `docs/metrics.md`, from what is exposed. */
export async function renderMetricsPage(): Promise<string> {
  const { registry } = await createInstruments()
  const ours: readonly [string, Metric][] = Object.entries(METRICS)
  const others = registry.getMetricsAsArray().filter(({ name }) => !(name in METRICS))
  return [
    HEAD,
    '## What Latchkey tells\n',
    table(ours.map(([name, metric]) => [code(name), metric.type, metric.labels.map(code).join(' '), metric.help])),
    '\n## What the process tells\n',
    "From prom-client, for the process alone (`..._total` and histograms' parts as always):\n",
    ['| metric | what it is |', '| --- | --- |', ...others.map(({ name, help }) => row([code(name), help]))].join('\n'),
    ALERTS,
    rules(ours),
    '```\n',
  ].join('\n')
}

const HEAD = `\
# Metrics

<!-- Generated from server/src/compose/metrics by \`npm run generate\`. -->

With \`METRICS_TOKEN\` set, \`GET /metrics\` answers in Prometheus' text format whoever shows it as a bearer token; without
it, and to everybody else, there is no such path, nothing is counted and nothing of it is loaded. Of Prometheus' file:

\`\`\`yaml
scrape_configs:
  - job_name: latchkey
    scrape_interval: 15s
    authorization: { credentials_file: /run/secrets/latchkey-metrics-token }
    static_configs: [{ targets: ['id.example.com'] }]
    scheme: https
\`\`\`

- Labels say few words, all of them ours: the pattern of a route, never a path; no user, no address, no token. What a
  stranger sends makes no series.
- Several processes behind one port answer as one: counters are added up, and what all of them read from the database is
  told once. Over several hosts, add up or take \`max\` as the rules below do.
- What only the database knows is read at a scrape, at most every five seconds and for at most half a second: a scrape harms
  nothing, and where the database does not answer, \`latchkey_database_readable\` is 0 and its series are missing.
- Events, sign-ins and money are counted as they are written: what fails in the same transaction afterwards, or is done
  again after a conflict, is counted too. The record (docs/audit.md) and \`latchkey sms report\` are exact.
- \`latchkey worker\` has no \`/metrics\`: what it sends shows in the outbox and in \`latchkey_outbox_dead_letters\`, not in
  \`latchkey_deliveries_total\`.
- Counting costs about 1.2 µs of processor time a request (measured at \`GET /api/users/me/\`, 37 µs in all); without
  \`METRICS_TOKEN\` nothing.
- Refreshes are requests: \`rate(latchkey_http_request_duration_seconds_count{route="/api/token/refresh/",status="200"}[5m])\`.
  Sessions ended are events: \`logged_out\`, \`session_ended\`, \`sessions_ended\`, \`refresh_token_reused\`. Over a limit is
  \`latchkey_refusals_total{code="throttled"}\`, whose \`reason\` names it.
`

const ALERTS = `
## Rules

A server that is gone tells nothing: watch \`up{job="latchkey"}\` too. Thresholds are to begin with.

\`\`\`yaml
groups:
  - name: latchkey
    rules:
      - alert: LatchkeyDown
        expr: 'up{job="latchkey"} == 0'
        for: 1m
        labels: { severity: page }
        annotations: { summary: 'It does not answer.' }
      - alert: LatchkeySlow
        expr: 'histogram_quantile(0.99, sum by (le) (rate(latchkey_http_request_duration_seconds_bucket[5m]))) > 2.5'
        for: 10m
        labels: { severity: ticket }
        annotations: { summary: 'One request in a hundred takes longer than 2.5 seconds. Hashes that wait, or the database.' }
      - alert: LatchkeyEventLoopHeld
        expr: 'max(latchkey_nodejs_eventloop_lag_p99_seconds) > 0.2'
        for: 10m
        labels: { severity: ticket }
        annotations: { summary: 'A process does nothing else for a fifth of a second at a time: too few cores, or a slow disk.' }`

const code = (text: string): string => `\`${text}\``

// A bar would end the cell.
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

const table = (rows: readonly (readonly string[])[]): string =>
  ['| metric | kind | labels | what it tells |', '| --- | --- | --- | --- |', ...rows.map(row)].join('\n')

const rules = (metrics: readonly [string, Metric][]): string =>
  metrics.flatMap(([, { alert }]) => (alert ? [ruleOf(alert)] : [])).join('\n')

const ruleOf = ({ name, expr, for: pending, severity, summary }: Alert): string => `\
      - alert: ${name}
        expr: ${quoted(expr)}
        for: ${pending}
        labels: { severity: ${severity} }
        annotations: { summary: ${quoted(summary)} }`

/** YAML's single quotes take everything but themselves as it is. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
