import { Buffer } from 'node:buffer';
import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import type { ServerControl } from '../../engine.ts';
import { Lane } from './lane.ts';
import { mergeFamilies, readFamilies, writeFamilies } from './merge-metrics.ts';
import { WORKER, type WorkerRecord } from './records.ts';
import type { AdminView } from '../../../observe/admin/snapshot.ts';
import { toWire, VERSION, type Wire, type WorkerMessage } from './worker-message.ts';

/** The channel of a worker to its primary. */
export interface WorkerPort {
  send(message: Wire): void;
  /** Sets what is called with messages of the hub, and when the channel has closed. */
  open(received: (message: WorkerMessage) => void, closed: () => void): void;
  /** Does not keep the worker alive any longer. */
  release(): void;
}

/** An engine, as the link of its worker sees it. */
export interface LinkUser {
  /** The hub can be asked: the first time unless it could be asked before, and after each `reset`. */
  opened(): void;
  received(record: WorkerRecord): void;
  /** The hub dropped the records that were queued for this worker, or the hub has gone. */
  reset(error: EngineError): void;
}

/** What joins the engines of one worker with the hub: there is one for each worker. */
export class WorkerLink {
  readonly #clock: Clock;
  readonly #soon: (callback: () => void) => void;
  readonly #users = new Map<number, LinkUser>();
  readonly #servers = new Set<ServerControl>();
  #port: WorkerPort | undefined;
  #lane: Lane | undefined;
  #numbers = 0;
  #stopping: Promise<unknown> | undefined;

  constructor(
    { clock }: { readonly clock: Clock },
    soon: (callback: () => void) => void = (callback) => void setImmediate(callback),
  ) {
    this.#clock = clock;
    this.#soon = soon;
  }

  /** Greets the hub. Later calls do nothing. */
  open(port: WorkerPort): void {
    if (this.#port !== undefined) return;
    this.#port = port;
    port.open(
      (message) => this.#received(message),
      () => this.#closed(),
    );
    port.send(toWire({ version: VERSION, isAdvanced: true }, false));
  }

  /** Whether the hub can be asked. */
  get isOpen(): boolean {
    return this.#lane !== undefined;
  }

  /** @returns The number of the engine. */
  attach(user: LinkUser): number {
    const number = ++this.#numbers;
    this.#users.set(number, user);
    return number;
  }

  detach(number: number): void {
    this.#users.delete(number);
  }

  /** A server of this worker: the hub reads its metrics, and stops it with the worker. */
  serve(server: ServerControl): void {
    this.#servers.add(server);
  }

  forget(server: ServerControl): void {
    this.#servers.delete(server);
  }

  push(head: string, body?: readonly Uint8Array[]): void {
    this.#lane?.push(head, body);
  }

  #received(message: WorkerMessage): void {
    if (message instanceof Uint8Array) {
      this.#lane?.receive(message);
      return;
    }
    if (this.#lane !== undefined) return;
    const port = this.#port!;
    const asText = !message.isAdvanced;
    this.#lane = new Lane({
      clock: this.#clock,
      soon: this.#soon,
      send: (parcel) => port.send(toWire(parcel, asText)),
      received: (record) => this.#record(record),
    });
    for (const user of this.#users.values()) user.opened();
  }

  #record(record: WorkerRecord): void {
    const [kind, number, id, argument] = record.head as [string, number, number, unknown];
    if (number !== WORKER) this.#users.get(number)?.received(record);
    else if (kind === 'reset') this.#reset();
    else if (kind === 'metrics') this.#answer(id, this.#metrics());
    else if (kind === 'snapshots') void this.#snapshots(id, argument as readonly AdminView[]);
    else if (kind === 'stop') void this.#stop(id, argument as number);
  }

  #answer(id: number, text: string): void {
    this.push(`["ok",${WORKER},${id}]`, [Buffer.from(text, 'utf8')]);
  }

  #metrics(): string {
    const texts = Array.from(this.#servers, (server) => server.metrics());
    if (texts.length <= 1) return texts[0] ?? '';
    return writeFamilies(
      mergeFamilies(
        texts.map((text) => readFamilies(text)),
        'thread',
      ),
    );
  }

  /** The snapshots of each server; none of a server that has failed to take them. */
  async #snapshots(id: number, views: readonly AdminView[]): Promise<void> {
    const texts = await Promise.all(
      Array.from(this.#servers, async (server) => {
        try {
          return JSON.stringify(await server.snapshots?.(views));
        } catch {
          return undefined;
        }
      }),
    );
    this.#answer(id, `[${texts.filter((text) => text !== undefined).join(',')}]`);
  }

  async #stop(id: number, timeoutMs: number): Promise<void> {
    this.#stopping ??= Promise.allSettled(Array.from(this.#servers, (server) => server.shutdown(timeoutMs)));
    await this.#stopping;
    this.#answer(id, '');
    this.#port!.release();
  }

  #reset(): void {
    const error = new EngineError(
      'ERR_ENGINE_DOWN',
      'this worker read too slowly: the hub dropped the records that were queued for it',
    );
    for (const user of this.#users.values()) {
      user.reset(error);
      user.opened();
    }
  }

  #closed(): void {
    this.#lane?.end();
    const error = new EngineError('ERR_ENGINE_DOWN', 'the hub has gone');
    for (const user of this.#users.values()) user.reset(error);
  }
}
