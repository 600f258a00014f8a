export type Format = 'yaml' | 'json'

/** In the order of preference where the client has none. */
export const RENDERINGS: readonly (readonly [mediaType: string, format: Format])[] = [
  ['application/vnd.oai.openapi', 'yaml'],
  ['application/yaml', 'yaml'],
  ['application/vnd.oai.openapi+json', 'json'],
  ['application/json', 'json'],
]

/**
 * In which form the document is wanted: the `format` named outright, else what `Accept` (RFC 9110 §12.5.1) rates highest,
 * else YAML. Undefined when the format is none of ours. An `Accept` that fits none is no reason to say no.
 */
export function chooseRendering(
  format: unknown,
  accept: string | undefined,
): { mediaType: string; format: Format } | undefined {
  const candidates = RENDERINGS.filter(([, each]) => format === undefined || each === format)
  const rated = candidates.map(([mediaType, each]) => ({
    mediaType,
    format: each,
    quality: qualityOf(mediaType, accept),
  }))
  return rated.reduce<(typeof rated)[number] | undefined>(
    (best, each) => (best && best.quality >= each.quality ? best : each),
    undefined,
  )
}

function qualityOf(mediaType: string, accept = ''): number {
  const ranges = accept.split(',', 50).map((range) =>
    range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/),
  )
  const parameters = ranges.find(([range]) => range === mediaType)?.slice(1)
  if (!parameters) return 0
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  return weight === undefined ? 1 : Number(weight.slice(2)) || 0
}
