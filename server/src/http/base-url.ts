import type { FastifyRequest } from 'fastify'

/** What absolute links in answers begin with. Never used in messages or as issuer: those must not depend on a request. */
export interface BaseUrlRules {
  readonly publicUrl: string | undefined
  readonly allowedHosts: readonly string[]
  /** `http://localhost:PORT`; a function, since port 0 is known only once the server listens. */
  readonly localUrl: () => string
}

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/** PUBLIC_URL; while it is not set, the request's own `Host` if it is allowed; else the local address. */
export function baseUrl(rules: BaseUrlRules, request: FastifyRequest): string {
  if (rules.publicUrl !== undefined) return rules.publicUrl
  const host = request.headers.host
  return host !== undefined && isAllowedHost(host, rules.allowedHosts) ? `http://${host}` : rules.localUrl()
}

const HOST_WITH_PORT = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i

/**
 * Django's forms of ALLOWED_HOSTS: a name, `.example.com` for it and its subdomains, `*`. The port is not compared. Here
 * `*` matches the local names alone, since a link that follows any `Host` can be pointed anywhere.
 */
export function isAllowedHost(host: string, allowedHosts: readonly string[]): boolean {
  const name = HOST_WITH_PORT.exec(host)?.[1]?.toLowerCase().replace(/\.$/, '')
  // A port that no URL can have would make links that nobody can follow, and that we could not take apart either.
  if (name === undefined || !URL.canParse(`http://${host}`)) return false
  return allowedHosts.some((allowed) => matches(allowed.toLowerCase(), name))
}

function matches(allowed: string, name: string): boolean {
  if (allowed === '*') return LOCAL_HOSTS.includes(name)
  if (allowed.startsWith('.')) return name === allowed.slice(1) || name.endsWith(allowed)
  return name === allowed
}
