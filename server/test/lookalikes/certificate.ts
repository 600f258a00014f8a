import { generateKeyPairSync, sign } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/**
 * A self-signed certificate (RFC 5280 §4.1) for localhost and 127.0.0.1 under a new key, valid from 2020 to 2049 so that
 * no clock matters. Made here because a key that is committed is a key that gets reused.
 */
export function selfSignedCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const toBeSigned = tbsCertificate(publicKey.export({ type: 'spki', format: 'der' }))
  const signature = sign('sha256', toBeSigned, privateKey)
  const der = sequence(toBeSigned, ECDSA_WITH_SHA256, element(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const base64 = der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  }
}

/** Makes this process trust `cert` in TLS connections opened from now on; what is returned takes it back. */
export function trust(cert: string): () => void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, cert])
  return () => setDefaultCACertificates(before)
}

function element(tag: number, content: Uint8Array): Buffer {
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, Buffer.concat(parts))
const objectId = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'))
const COMMON_NAME = '550403'
const SUBJECT_ALT_NAME = '551d11'

function tbsCertificate(publicKeyInfo: Uint8Array): Buffer {
  const version3 = element(0xa0, element(0x02, Buffer.from([2])))
  const serial = element(0x02, Buffer.from([1]))
  const attribute = sequence(objectId(COMMON_NAME), element(0x0c, Buffer.from('localhost')))
  const name = sequence(element(0x31, attribute))
  const validity = sequence(element(0x17, Buffer.from('200101000000Z')), element(0x17, Buffer.from('491231235959Z')))
  const dnsName = element(0x82, Buffer.from('localhost'))
  const ipAddress = element(0x87, Buffer.from([127, 0, 0, 1]))
  const names = sequence(objectId(SUBJECT_ALT_NAME), element(0x04, sequence(dnsName, ipAddress)))
  const extensions = element(0xa3, sequence(names))
  return sequence(version3, serial, ECDSA_WITH_SHA256, name, validity, name, publicKeyInfo, extensions)
}
