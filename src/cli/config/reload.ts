import type { Logger, WebSocketServer } from '../../index.ts';
import { CommandError } from '../command.ts';
import type { Mode } from '../serve-modes.ts';
import type { ServeOptions } from './serve-config.ts';
import { differing } from './settings.ts';

/** Applies a configuration file that has changed to a running server. */
export class Reload {
  readonly #file: string;
  readonly #mode: Mode;
  readonly #logger: Logger;
  readonly #read: () => ServeOptions;
  #last: ServeOptions;

  /**
   * @param last What the server was created with.
   * @param read Reads everything again.
   */
  constructor(file: string, mode: Mode, logger: Logger, last: ServeOptions, read: () => ServeOptions) {
    this.#file = file;
    this.#mode = mode;
    this.#logger = logger;
    this.#last = last;
    this.#read = read;
  }

  /** Reads the file again, and changes all options that differ, or none. Logs what has changed, or why nothing has. */
  apply(server: WebSocketServer): void {
    const file = this.#file;
    try {
      const next = this.#read();
      const names = differing(this.#last.settings, next.settings);
      this.#refuseFixed(next, names);
      const options = Object.fromEntries(
        names.map((name) => [name, Reflect.get(next.options, name) as unknown]),
      );
      const changes = server.configure(options);
      this.#last = next;
      if (changes.length === 0) this.#logger.info({ file }, 'configuration read again: nothing has changed');
    } catch (error) {
      this.#logger.error({ err: error, file }, 'configuration not changed, the server keeps the old one');
    }
  }

  /** What the server would allow to change, but this command does not. */
  #refuseFixed(next: ServeOptions, names: readonly string[]): void {
    const moved = next.port !== this.#last.port || next.host !== this.#last.host;
    // The answer to POST /topics/<topic> knows the limit before the server does.
    const isFixed = this.#mode === 'topics' && names.includes('maxRequestBodyBytes');
    if (moved || isFixed)
      throw new CommandError(
        `${moved ? 'port and host' : 'maxRequestBodyBytes'} cannot change while the server runs: start it again`,
      );
  }
}
