import { readFileSync } from 'node:fs';
import { createSecureContext, type TlsOptions as NodeTlsOptions } from 'node:tls';
import { MisuseError } from '../protocol/errors.ts';
import { refuseOption } from './option-check.ts';

/** Files that hold the certificate and its key, instead of `cert` and `key`. */
export interface TlsFileOptions {
  /** PEM file of the certificate chain; read when the options are checked. Needs `keyFile`. */
  readonly certFile?: string | undefined;
  /** PEM file of its private key. Needs `certFile`. */
  readonly keyFile?: string | undefined;
  /**
   * Whether a server that listens follows changes of the two files, until it shuts down. New handshakes get the new certificate a
   * second after the last change; connections stay. With an invalid file the old certificate stays, and the server emits `error`.
   * Default `false`.
   */
  readonly watch?: boolean | undefined;
}

/**
 * Options of Node's TLS: `key`, `cert`, `ca`, `pfx`, `passphrase`, `SNICallback`, `requestCert`, `ciphers` and so on; or files
 * with certificate and key. The protocol spoken inside is always HTTP/1.1, and `handshakeTimeoutMs` of the server is the only
 * timeout. `minVersion` is `'TLSv1.2'` unless given.
 */
export type TlsOptions = Omit<NodeTlsOptions, 'ALPNProtocols' | 'ALPNCallback' | 'handshakeTimeout'> &
  TlsFileOptions;

/** What a new certificate consists of. */
export type TlsCredentials = Pick<TlsOptions, 'key' | 'cert' | 'ca' | 'pfx' | 'passphrase' | 'crl'>;

/** A certificate and its key, as files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An empty file means a missing one; OpenSSL would not complain. */
const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || (value as { readonly length?: number }).length === 0;

/**
 * Tries TLS options, so that a broken certificate fails at once and not with the first client.
 * @returns The options, with the content of the files.
 * @throws MisuseError `ERR_OPTION`, with the message of OpenSSL for credentials that do not fit together.
 */
export function checkTls(name: string, options: object): TlsOptions {
  const given = options as NodeTlsOptions & TlsFileOptions;
  for (const ours of ['ALPNProtocols', 'ALPNCallback', 'handshakeTimeout'] as const) {
    if (given[ours] !== undefined) {
      throw new MisuseError('ERR_OPTION', `${name}.${ours} cannot be set: the server sets it itself`);
    }
  }
  const files = filesOf(name, given);
  const complete = {
    minVersion: 'TLSv1.2' as const,
    ...given,
    ...(files === undefined ? {} : readTlsFiles(name, files)),
  };
  if (isMissing(complete.cert) && isMissing(complete.pfx) && complete.SNICallback === undefined) {
    throw new MisuseError(
      'ERR_OPTION',
      `${name} has no certificate: give cert and key, certFile and keyFile, pfx, or an SNICallback`,
    );
  }
  if (!isMissing(complete.cert) && isMissing(complete.key)) {
    throw new MisuseError('ERR_OPTION', `${name} has a cert, but no key`);
  }
  try {
    createSecureContext(complete);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MisuseError('ERR_OPTION', `${name} does not fit together: ${why}`, { cause: error });
  }
  return complete;
}

/**
 * Reads a certificate and its key.
 * @throws MisuseError `ERR_OPTION` naming the file that cannot be read.
 */
export function readTlsFiles(name: string, files: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  const contentOf = (which: keyof TlsFiles): Buffer => {
    try {
      return readFileSync(files[which]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new MisuseError('ERR_OPTION', `${name}.${which} cannot be read: ${why}`, { cause: error });
    }
  };
  return { cert: contentOf('certFile'), key: contentOf('keyFile') };
}

/** @returns `undefined` without files. @throws MisuseError `ERR_OPTION`. */
function filesOf(name: string, given: NodeTlsOptions & TlsFileOptions): TlsFiles | undefined {
  const { certFile, keyFile, watch } = given;
  if (watch !== undefined && typeof watch !== 'boolean')
    refuseOption(`${name}.watch`, watch, 'true or false');
  for (const [which, path] of [
    ['certFile', certFile],
    ['keyFile', keyFile],
  ] as const)
    if (path !== undefined && (typeof path !== 'string' || path === ''))
      refuseOption(`${name}.${which}`, path, 'the path of a PEM file');
  if (certFile === undefined && keyFile === undefined) {
    if (watch === true) refuseOption(`${name}.watch`, true, 'false without certFile and keyFile');
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined)
    throw new MisuseError(
      'ERR_OPTION',
      `${name}.certFile and ${name}.keyFile go together: one of them is missing`,
    );
  for (const content of ['cert', 'key', 'pfx'] as const)
    if (given[content] !== undefined)
      throw new MisuseError(
        'ERR_OPTION',
        `${name} takes certFile and keyFile, or ${content}, not both: leave one out`,
      );
  return { certFile, keyFile };
}
