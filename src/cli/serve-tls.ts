import type { Logger, ServerOptions, TlsCredentials, WebSocketServer } from '../index.ts';
import { selfSigned } from '../testing/index.ts';
import { UsageError } from './command.ts';
import { textOfFile } from './files.ts';
import { type FlagValues, textOf } from './flags.ts';

/** @throws UsageError for flags that contradict each other; CommandError for files that cannot be read. */
export function credentialsOf(flags: FlagValues, host: string): TlsCredentials | undefined {
  const [certFile, keyFile] = [textOf(flags, 'tls-cert'), textOf(flags, 'tls-key')];
  if (certFile !== undefined && keyFile !== undefined) {
    if (flags.has('tls-self-signed'))
      throw new UsageError('--tls-self-signed and --tls-cert exclude each other: give one of them');
    return { cert: textOfFile('--tls-cert', certFile), key: textOfFile('--tls-key', keyFile) };
  }
  if (certFile !== undefined || keyFile !== undefined) {
    throw new UsageError('--tls-cert and --tls-key go together: one of them is missing');
  }
  if (!flags.has('tls-self-signed')) return undefined;
  const names = new Set([
    'localhost',
    '127.0.0.1',
    '::1',
    ...(/^(?:0\.0\.0\.0|::)$/.test(host) ? [] : [host]),
  ]);
  return selfSigned([...names]);
}

/**
 * Reads the certificate files again, those of flags or those of the configuration file. Keeps the old certificate if the new one
 * is invalid. A generated certificate stays: clients trust this one.
 * @param options Of the configuration file.
 */
export function renew(
  server: WebSocketServer,
  flags: FlagValues,
  host: string,
  options: ServerOptions,
  logger: Logger,
): void {
  if (flags.has('tls-self-signed')) return;
  try {
    const credentials = credentialsOf(flags, host) ?? credentialsIn(options);
    if (credentials === undefined) return;
    server.reloadTls(credentials);
    logger.info({}, 'certificate renewed');
  } catch (error) {
    logger.error({ err: error }, 'certificate not renewed, the server keeps the old one');
  }
}

function credentialsIn({ tls }: ServerOptions): TlsCredentials | undefined {
  const { certFile, keyFile } = tls ?? {};
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { cert: textOfFile('tls.certFile', certFile), key: textOfFile('tls.keyFile', keyFile) };
}
