import { execFileSync } from 'node:child_process'
import { chromium, type Page } from 'playwright-core'
import type { TestContext } from 'vitest'
import { needs } from './needs.ts'

/** A page in the machine's Chromium, and everything it complains of: policy reports, errors, failed or foreign requests. */
export interface WatchedPage {
  readonly page: Page
  readonly complaints: readonly string[]
}

// Containers run tests as root, where Chromium's own sandbox does not start. The rest keeps it from calling home.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Opens a page that may speak to `origin` alone; the test that asked is skipped aloud where there is no Chromium. */
export async function openPage(context: TestContext, origin: string): Promise<WatchedPage> {
  const command = needs(context, 'chromium')
  const executablePath = execFileSync('/bin/sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim()
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS })
  context.onTestFinished(() => browser.close())
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (line) => {
    if (line.type() !== 'log') complaints.push(`${line.type()}: ${line.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const isForeign = (url: string) => url.startsWith('http') && new URL(url).origin !== origin
  page.on('requestfailed', (request) => {
    // Named by the preload scanner before the policy stopped it: it never left, and the policy's own report tells of it.
    const isStopped = request.failure()?.errorText === 'csp'
    complaints.push(`${isStopped ? 'stopped' : isForeign(request.url()) ? 'foreign' : 'failed'}: ${request.url()}`)
  })
  page.on('response', (response) => {
    if (isForeign(response.url())) complaints.push(`foreign: ${response.url()}`)
  })
  return { page, complaints }
}
