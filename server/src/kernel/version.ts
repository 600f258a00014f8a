import manifest from '../../package.json' with { type: 'json' }

/** The published version (SemVer 2.0.0). */
export const VERSION = manifest.version
