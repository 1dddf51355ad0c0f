import { type ConnectOptions, ReconnectingClient } from '../../client/index.ts';
import { ADMIN_PROTOCOL, type AdminSnapshot, type AdminView } from '../../observe/index.ts';
import { CommandError } from '../command.ts';
import { adminFailure, notAdmin } from './admin-failure.ts';
import type { AdminTarget } from './admin-target.ts';

/** A snapshot has at most 500 connections, 500 servers, 100 events and 20 topics, each of a few hundred bytes. */
const MAX_SNAPSHOT_BYTES = 4_194_304;

/** Who gets what an {@link AdminFeed} receives. */
export interface FeedOwner {
  received(snapshot: AdminSnapshot): void;
  /** The connection is lost; the next attempt is in `delayMs`. */
  lost(why: string, delayMs: number): void;
  /** No further snapshot will arrive. */
  failed(error: Error): void;
}

/** Snapshots of an admin port, once a second. Reconnects once it has been connected; a failure before that is final. */
export class AdminFeed {
  readonly #client: ReconnectingClient;
  readonly #target: AdminTarget;
  readonly #owner: FeedOwner;
  #view: AdminView;
  #wasOpen = false;

  constructor(
    target: AdminTarget,
    view: AdminView,
    { connectTimeoutMs }: Pick<ConnectOptions, 'connectTimeoutMs'>,
    owner: FeedOwner,
  ) {
    this.#target = target;
    this.#view = view;
    this.#owner = owner;
    this.#client = new ReconnectingClient(target.live, {
      protocols: [ADMIN_PROTOCOL],
      token: target.token,
      tls: target.tls,
      connectTimeoutMs,
      maxMessageBytes: MAX_SNAPSHOT_BYTES,
      offlineQueue: false,
      baseDelayMs: 500,
      maxDelayMs: 5_000,
      maxFirstDelayMs: 1_000,
    });
    this.#client.on('open', ({ protocol }) => {
      if (protocol !== ADMIN_PROTOCOL) this.#fail(notAdmin(target, ''));
      else {
        this.#wasOpen = true;
        this.#ask();
      }
    });
    this.#client.on('message', (message) => this.#received(message));
    this.#client.on('retry', (info) => {
      if (this.#wasOpen) owner.lost(adminFailure(target, info), info.delayMs);
      else this.#fail(adminFailure(target, info));
    });
    this.#client.on('giveUp', (info) => this.#fail(adminFailure(target, info)));
    this.#client.on('error', ({ cause }) =>
      owner.failed(cause instanceof Error ? cause : new Error(String(cause))),
    );
  }

  get view(): AdminView {
    return this.#view;
  }

  /** Shows other connections from the next snapshot on. */
  set view(view: AdminView) {
    this.#view = view;
    this.#ask();
  }

  close(): void {
    this.#client.close();
  }

  #ask(): void {
    this.#client.connection?.send(JSON.stringify(this.#view));
  }

  #received(message: unknown): void {
    const snapshot = parsed(message);
    if (snapshot?.format === 1) this.#owner.received(snapshot);
    else
      this.#fail(`${this.#target.shown} sends snapshots of another version; use the hawser of that server`);
  }

  #fail(sentence: string): void {
    this.#client.close();
    this.#owner.failed(new CommandError(sentence));
  }
}

function parsed(message: unknown): AdminSnapshot | undefined {
  try {
    return JSON.parse(String(message)) as AdminSnapshot;
  } catch {
    return undefined;
  }
}
