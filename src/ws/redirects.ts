/** What of a request carries credentials. */
interface Credentials {
  headers: Record<string, string | number | undefined>;
  auth?: string | null | undefined;
  socketPath?: string | undefined;
}

/** Where a client connected first: other origins do not get its credentials. */
export class RedirectOrigin {
  readonly #isSecure: boolean;
  readonly #socketPath: string | undefined;
  readonly #host: string;

  constructor(url: URL, socketPath: string | undefined, isSecure: boolean) {
    this.#isSecure = isSecure;
    this.#socketPath = socketPath;
    this.#host = url.host;
  }

  /** Removes credentials from a request to another origin, or from TLS to none. */
  dropCredentials(url: URL, options: Credentials, isSecure: boolean): void {
    const isSameHost =
      options.socketPath === this.#socketPath && (this.#socketPath !== undefined || url.host === this.#host);
    if (isSameHost && (!this.#isSecure || isSecure)) return;
    delete options.headers['authorization'];
    delete options.headers['cookie'];
    if (!isSameHost) delete options.headers['host'];
    delete options.auth;
  }
}
