import { spawnSync } from 'node:child_process'
import type { TestContext } from 'vitest'

interface Tool {
  readonly candidates: readonly string[]
  /** Exits with 0 when the candidate is there and can do what the tests ask of it. */
  readonly probe: readonly string[]
  /** Debian's packages that bring it. */
  readonly packages: string
}

// Debian's own Python: another one earlier in the path would not see Debian's modules.
const TOOLS = {
  chromium: {
    candidates: ['chromium', 'chromium-browser', 'google-chrome'],
    probe: ['--version'],
    packages: 'chromium',
  },
  python: {
    candidates: ['/usr/bin/python3'],
    probe: ['-c', 'import jwt, rest_framework_simplejwt'],
    packages: 'python3-jwt python3-djangorestframework-simplejwt',
  },
  curl: { candidates: ['curl'], probe: ['--version'], packages: 'curl' },
  systemd: { candidates: ['systemd-analyze'], probe: ['--version'], packages: 'systemd' },
} satisfies Record<string, Tool>

/**
 * The command of a tool a test needs and the machine may lack. Where it is missing the test that asked is skipped, and a
 * line says what to install; in CI (the variable `CI` set) nothing is skipped and this throws instead. `python` means one
 * with PyJWT and djangorestframework-simplejwt.
 */
export function needs(context: TestContext, name: keyof typeof TOOLS): string {
  const command = found(TOOLS[name])
  if (command !== undefined) return command
  const reason = `${name} is missing: apt-get install ${TOOLS[name].packages}`
  if (process.env['CI']) throw new Error(reason)
  console.warn(`skipped "${context.task.name}": ${reason}`)
  return context.skip(reason)
}

function found({ candidates, probe }: Tool): string | undefined {
  return candidates.find((command) => spawnSync(command, probe, { stdio: 'ignore' }).status === 0)
}
