import { createHash } from 'node:crypto'

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** A Content-Security-Policy (CSP3) that allows nothing but what it is given, and never framing, plugins or a base. */
export const policy = (...allowed: readonly string[]): string =>
  [
    "default-src 'none'",
    ...allowed,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const DOCUMENT = '/api/schema/?format=json'

const page = (title: string, rest: string): string => `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${rest}
</html>
`

// The authorisation lives in the page's memory and dies with it; BaseLayout has no bar that loads other documents.
const START_SWAGGER = `
SwaggerUIBundle({
  url: '${DOCUMENT}',
  dom_id: '#page',
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
})
`

const SWAGGER_STYLE = `
body { margin: 0; background: #fff }
.swagger-ui .info { margin: 24px 0 8px }
.swagger-ui .scheme-container { margin: 0; padding: 8px 0 16px; box-shadow: none }
`

export const SWAGGER_PAGE = page(
  'Latchkey API',
  `<link rel="stylesheet" href="/api/schema/assets/swagger-ui.css">
<style>${SWAGGER_STYLE}</style>
</head>
<body>
<div id="page"></div>
<script src="/api/schema/assets/swagger-ui.js"></script>
<script>${START_SWAGGER}</script>
</body>`,
)

export const SWAGGER_POLICY = policy(
  `script-src 'self' ${hashOf(START_SWAGGER)}`,
  `style-src 'self' ${hashOf(SWAGGER_STYLE)}`,
  "img-src 'self' data:",
  "connect-src 'self'",
)

// ReDoc makes its styles as it goes and marks each with the nonce it is given.
const START_REDOC = `
Redoc.init('${DOCUMENT}', { nonce: document.currentScript.nonce }, document.querySelector('#page'))
`

const REDOC_STYLE = `
body { margin: 0 }
`

/** Two elements it forgets to mark: an empty one, and its scroll bars' (of ReDoc 2.5.4; the browser test tells of others). */
const REDOC_UNMARKED_STYLES = [hashOf(''), "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"]

/** `nonce` is new for every page (CSP3 §7.1). */
export const redocPage = (nonce: string): string =>
  page(
    'Latchkey API reference',
    `<style>${REDOC_STYLE}</style>
</head>
<body>
<div id="page"></div>
<script src="/api/schema/assets/redoc.js"></script>
<script nonce="${nonce}">${START_REDOC}</script>
</body>`,
  )

export const redocPolicy = (nonce: string): string =>
  policy(
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}' ${hashOf(REDOC_STYLE)} ${REDOC_UNMARKED_STYLES.join(' ')}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    // Its search runs in a worker that it writes itself.
    'worker-src blob:',
  )
