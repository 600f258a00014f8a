/** A form the document comes in. */
export interface Rendering {
  readonly mediaType: string
  readonly format: 'yaml' | 'json'
}

/** In the order of preference where the client has none. */
export const RENDERINGS: readonly Rendering[] = [
  { mediaType: 'application/vnd.oai.openapi', format: 'yaml' },
  { mediaType: 'application/yaml', format: 'yaml' },
  { mediaType: 'application/vnd.oai.openapi+json', format: 'json' },
  { mediaType: 'application/json', format: 'json' },
]

/**
 * In which form the document is wanted: the `format` named outright, else what `Accept` (RFC 9110 §12.5.1) rates highest,
 * else YAML. Undefined when the format is none of ours. An `Accept` that fits none is no reason to say no.
 */
export function chooseRendering(format: unknown, accept: string | undefined): Rendering | undefined {
  const candidates = RENDERINGS.filter((each) => format === undefined || each.format === format)
  const rated = candidates.map((rendering) => ({ rendering, quality: qualityOf(rendering.mediaType, accept) }))
  // The sort is stable: where the client does not care, our order stands.
  return rated.sort((a, b) => b.quality - a.quality)[0]?.rendering
}

function qualityOf(mediaType: string, accept = ''): number {
  const ranges = accept.split(',', 50).map((range) => range.split(';').map((part) => part.trim().toLowerCase()))
  const parameters = ranges.find(([range]) => range === mediaType)?.slice(1)
  if (!parameters) return 0
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  return weight === undefined ? 1 : Number(weight.slice(2)) || 0
}
