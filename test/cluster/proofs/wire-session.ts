import { connect, type Connection } from '../../../src/index.ts';

/** A frame of `hawser.v1`, in either direction. */
export type Frame = Readonly<Record<string, unknown>>;

export interface WireSettings {
  /** Port of the node for the next connection; `undefined` if there is none yet. */
  port(): number | undefined;
  /** Called before a connection is tried again. Without it, at once. */
  pause?: (() => Promise<void>) | undefined;
}

/**
 * A connection that speaks `hawser.v1` frame by frame, and comes back on another node each time that it ends. It drops nothing, unlike
 * a client, so that a message that a server sends twice is seen.
 */
export abstract class WireSession {
  readonly #settings: WireSettings;
  #connection: Connection | undefined;
  #isClosed = false;
  readonly #ran: Promise<void>;

  constructor(settings: WireSettings) {
    this.#settings = settings;
    this.#ran = Promise.resolve().then(() => this.#run());
  }

  /** Leaves the node without a closing handshake. The next connection is made at once. */
  move(): void {
    this.#connection?.terminate();
  }

  /** Ends for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.move();
    await this.#ran;
  }

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  protected send(frame: Frame): boolean {
    if (this.#connection === undefined) return false;
    this.#connection.send(JSON.stringify(frame));
    return true;
  }

  protected abstract opened(): void;
  protected abstract received(frame: Frame): void;
  protected abstract ended(): void;

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const port = this.#settings.port();
      try {
        if (port !== undefined) await this.#connected(port);
      } catch {
        // The node was killed, or its successor does not listen yet.
      }
      if (!this.#isClosed)
        await (this.#settings.pause?.() ?? new Promise<void>((resolve) => setImmediate(resolve)));
    }
  }

  async #connected(port: number): Promise<void> {
    const connection = await connect(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
    if (this.#isClosed) {
      connection.terminate();
      return;
    }
    this.#connection = connection;
    const closed = new Promise<void>((resolve) => {
      connection.on('close', () => resolve());
    });
    connection.on('error', () => {});
    connection.on('message', (message) => this.received(JSON.parse(String(message)) as Frame));
    this.opened();
    await closed;
    this.#connection = undefined;
    this.ended();
  }
}
