import type { Position } from '../../../src/cluster/index.ts';
import type { Follower, Ledger } from './ledger.ts';
import { type Frame, WireSession, type WireSettings } from './wire-session.ts';

/** Follows topics over all its connections, and resumes each at its position. */
export class Subscriber extends WireSession {
  readonly followers: readonly Follower[];
  /** Called after each message. */
  onMessage: (() => void) | undefined;
  readonly #byTopic: ReadonlyMap<string, Follower>;
  /** What the open `subscribe` of each topic sent. */
  readonly #asked = new Map<number, { readonly follower: Follower; readonly since: Position | undefined }>();
  /** Topics that were answered on this connection. */
  #live = new Set<string>();
  #ids = 0;

  constructor(ledger: Ledger, name: string, topics: readonly string[], settings: WireSettings) {
    super(settings);
    this.followers = topics.map((topic) => ledger.follower(topic, name));
    this.#byTopic = new Map(this.followers.map((follower) => [follower.topic, follower]));
  }

  /** Every topic is answered on the current connection. */
  get isLive(): boolean {
    return this.#live.size === this.followers.length;
  }

  /** No topic is answered on the next connection yet, also before the end of this one is reported. */
  override move(): void {
    this.#live = new Set();
    super.move();
  }

  protected opened(): void {
    for (const follower of this.followers) this.#subscribe(follower);
  }

  protected received(frame: Frame): void {
    const { op, id, topic, epoch, offset } = frame;
    const position = { epoch, offset } as Position;
    if (op === 'message') {
      this.#byTopic.get(topic as string)!.message(offset as number, frame['data'] as string);
      this.onMessage?.();
    } else if (op === 'lost') this.#byTopic.get(topic as string)!.lost(position);
    else if (op === 'ok' || op === 'error') {
      const { follower, since } = this.#asked.get(id as number)!;
      this.#asked.delete(id as number);
      if (op === 'ok') {
        follower.subscribed(since, frame['recovered'] === true, position);
        this.#live.add(follower.topic);
      } else if (frame['code'] === 'unavailable' || frame['code'] === 'busy') this.move();
      else throw new Error(`subscribe was answered with ${JSON.stringify(frame)}`);
    }
  }

  protected ended(): void {
    this.#asked.clear();
    this.#live = new Set();
  }

  #subscribe(follower: Follower): void {
    const id = ++this.#ids;
    const since = follower.position;
    this.#asked.set(id, { follower, since });
    this.send({ op: 'subscribe', id, topic: follower.topic, since });
  }
}
