/** What Redis answers (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors), in the operator's words. */
const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/^Command timed out/, 'does not answer within 300 ms'],
  [/^Socket timeout/, 'stopped answering'],
  [/^OOM/, 'is full: raise its maxmemory'],
  [/^READONLY/, 'is a replica, which takes no writes: REDIS_URL has to name the primary'],
  [/^LOADING/, 'is still loading its data'],
  [/^(NOAUTH|WRONGPASS)|invalid password|without any password configured/, 'refuses the user or password in REDIS_URL'],
  [/^NOPERM|ACL failure/, 'does not let this user do what is needed: see docs/redis.md'],
  [/^MISCONF/, 'takes no writes, since it cannot save to its disk'],
  [
    /^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)/,
    'is a node of a cluster, which is not supported: REDIS_URL has to name a single Redis',
  ],
  [/DB index is out of range/, 'has no database of the number in REDIS_URL'],
  [/^(MASTERDOWN|NOREPLICAS)/, 'takes no writes while its replicas are away'],
  [
    /^Connection is closed|isn't writeable|aborted due to connection close|max retries per request/,
    'lost the connection',
  ],
]

/** Why Redis did not do what it was asked. Redis may repeat what it was sent, a password too: its own words stay out. */
export function whyFailed(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const known = ANSWERS.find(([pattern]) => pattern.test(error.message))
  if (known) return known[1]
  if ('code' in error && typeof error.code === 'string') return `cannot be reached (${error.code})`
  const [word = ''] = /^[A-Z]{2,}\b/.exec(error.message) ?? []
  return word === '' ? `failed (${error.name})` : `answers ${word}`
}

/** Host and port of a URL, without what is secret in it. */
export function whereIs(url: string): string {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port || 6379}`
}
