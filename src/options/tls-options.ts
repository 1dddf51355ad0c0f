import { createSecureContext, type TlsOptions as NodeTlsOptions } from 'node:tls';
import { MisuseError } from '../protocol/errors.ts';

/**
 * Options of Node's TLS: `key`, `cert`, `ca`, `pfx`, `passphrase`, `SNICallback`, `requestCert`, `ciphers` and so on. The
 * protocol spoken inside is always HTTP/1.1, and `handshakeTimeoutMs` of the server is the only timeout. `minVersion` is
 * `'TLSv1.2'` unless given.
 */
export type TlsOptions = Omit<NodeTlsOptions, 'ALPNProtocols' | 'ALPNCallback' | 'handshakeTimeout'>;

/** What a new certificate consists of. */
export type TlsCredentials = Pick<TlsOptions, 'key' | 'cert' | 'ca' | 'pfx' | 'passphrase' | 'crl'>;

/** An empty file means a missing one; OpenSSL would not complain. */
const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || (value as { readonly length?: number }).length === 0;

/**
 * Tries TLS options, so that a broken certificate fails at once and not with the first client.
 * @throws MisuseError `ERR_OPTION` with the message of OpenSSL.
 */
export function checkTls(name: string, options: object): TlsOptions {
  const given = options as NodeTlsOptions;
  for (const ours of ['ALPNProtocols', 'ALPNCallback', 'handshakeTimeout'] as const) {
    if (given[ours] !== undefined) {
      throw new MisuseError('ERR_OPTION', `${name}.${ours} cannot be set: the server sets it itself`);
    }
  }
  if (isMissing(given.cert) && isMissing(given.pfx) && given.SNICallback === undefined) {
    throw new MisuseError(
      'ERR_OPTION',
      `${name} has no certificate: give cert and key, pfx, or an SNICallback`,
    );
  }
  if (!isMissing(given.cert) && isMissing(given.key)) {
    throw new MisuseError('ERR_OPTION', `${name} has a cert, but no key`);
  }
  const complete = { minVersion: 'TLSv1.2' as const, ...given };
  try {
    createSecureContext(complete);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MisuseError('ERR_OPTION', `${name} does not fit together: ${why}`, { cause: error });
  }
  return complete;
}
