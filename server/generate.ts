import { writeFileSync } from 'node:fs'
import { renderDotenvExample, renderSettingsPage } from './src/config/render.ts'

/** Rewrites the files that are made from the code. A test fails while one of them says something else than the code. */
const root = new URL('../', import.meta.url)
writeFileSync(new URL('.env.example', root), renderDotenvExample())
writeFileSync(new URL('docs/settings.md', root), renderSettingsPage())
