import { X509Certificate } from 'node:crypto';
import type { Server as TlsServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../engine/clock.ts';
import {
  checkTls,
  readTlsFiles,
  type TlsCredentials,
  type TlsFiles,
  type TlsOptions,
} from '../../options/tls-options.ts';
import { FileWatch } from './file-watch.ts';

/** The server, as its TLS credentials see it. */
export interface CredentialsOwner {
  readonly clock: Clock;
  /** New handshakes get the certificate of the file. @param validTo Its last day, as OpenSSL writes it. */
  certificateRenewed(file: string, validTo: string): void;
  /** The files cannot be used: the old certificate stays. */
  certificateFailed(error: Error): void;
}

/** The TLS options of a server with a port of its own. Replaces the certificate, and follows its files. */
export class Credentials {
  readonly #owner: CredentialsOwner;
  readonly #files: TlsFiles | undefined;
  readonly #isWatching: boolean;
  #options: TlsOptions;
  /** What the last reading of the files found, whether or not it could be used. */
  #read: TlsCredentials | undefined;
  #server: TlsServer | undefined;
  #watch: FileWatch | undefined;
  /** The last failure that was reported: a file that stays away is reported once. */
  #failure = '';

  /** @param given Checked by {@link checkTls}. */
  constructor({ certFile, keyFile, watch, ...options }: TlsOptions, owner: CredentialsOwner) {
    this.#owner = owner;
    this.#options = options;
    this.#files = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
    this.#isWatching = watch === true;
    this.#read = { cert: options.cert, key: options.key };
  }

  /** Options for a TLS server. */
  get options(): TlsOptions {
    return this.#options;
  }

  /** @param server Uses {@link options}. It gets new credentials from now on. */
  serve(server: TlsServer): void {
    this.#server = server;
  }

  /** Follows the files from now on, if `watch` is set. */
  watch(): void {
    if (!this.#isWatching || this.#files === undefined || this.#watch !== undefined) return;
    this.#watch = new FileWatch([this.#files.certFile, this.#files.keyFile], this.#owner.clock, () =>
      this.#follow(this.#files!),
    );
    // They may have changed since the options were checked.
    this.#follow(this.#files);
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** @throws MisuseError `ERR_OPTION`: then the old credentials stay. */
  replace(name: string, credentials: TlsCredentials): void {
    const renewed = checkTls(name, { ...this.#options, ...credentials });
    this.#server?.setSecureContext(renewed);
    this.#options = renewed;
  }

  #follow(files: TlsFiles): void {
    try {
      const read = readTlsFiles('tls', files);
      if (isDeepStrictEqual(read, this.#read)) return;
      this.#read = read;
      this.replace('tls', read);
      this.#failure = '';
      this.#owner.certificateRenewed(files.certFile, new X509Certificate(read.cert).validTo);
    } catch (error) {
      const failure = error as Error;
      if (failure.message === this.#failure) return;
      this.#failure = failure.message;
      this.#owner.certificateFailed(failure);
    }
  }
}
