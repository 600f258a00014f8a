import { writeFileSync } from 'node:fs'
import pino from 'pino'
import { compose } from './src/compose.ts'
import { renderMetricsPage } from './src/compose/metrics/render.ts'
import { readConfig } from './src/config.ts'
import { renderDotenvExample, renderSettingsPage } from './src/config/render.ts'
import { systemClock } from './src/kernel/clock.ts'
import { systemRandom } from './src/kernel/random.ts'

/** Rewrites the files that are made from the code. A test fails while one of them says something else than the code. */
const root = new URL('../', import.meta.url)
writeFileSync(new URL('.env.example', root), renderDotenvExample())
writeFileSync(new URL('docs/settings.md', root), renderSettingsPage())
writeFileSync(new URL('docs/metrics.md', root), await renderMetricsPage())
writeFileSync(new URL('server/openapi.json', root), await renderOpenApi())

/** The document as a server without any setting gives it. */
async function renderOpenApi(): Promise<string> {
  const { app, close } = await compose({
    config: readConfig({}).config,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    inMemory: true,
    threadPoolSize: 4,
  })
  const { payload } = await app.inject({ url: '/api/schema/?format=json', headers: { host: 'localhost' } })
  await close()
  return `${JSON.stringify(JSON.parse(payload), null, 2)}\n`
}
