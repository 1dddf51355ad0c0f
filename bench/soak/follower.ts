import type { ClientTopic, Position, TopicMessage } from '../../src/client/index.ts';
import { wallMs } from './publishing.ts';

/** What followers counted. The last three must be 0. */
export interface FollowerCounts {
  delivered: number;
  /** Connections that were resumed with every missed message. */
  recovered: number;
  /** Losses that a `lost` event announced. */
  lostAnnounced: number;
  /** Missing messages that no `lost` event announced. */
  lostSilently: number;
  twice: number;
  /** Messages that are not the one with their number. */
  wrong: number;
}

/** Receives the latency of messages. */
export interface Timing {
  /** A message that was published while the follower was live. */
  took(ms: number): void;
}

/** Checks the messages of one topic of one client, over all its connections. */
export class Follower {
  readonly topic: ClientTopic;
  /** Position of the last message, or where the topic began. */
  position: Position | undefined;
  readonly #counts: FollowerCounts;
  readonly #timing: Timing;
  #liveSinceMs = Infinity;

  constructor(topic: ClientTopic, counts: FollowerCounts, timing: Timing) {
    this.topic = topic;
    this.#counts = counts;
    this.#timing = timing;
    topic.on('message', (message, position) => this.#message(message, position!));
    topic.on('recovered', () => {
      counts.recovered++;
      this.#liveSinceMs = wallMs();
    });
    topic.on('lost', ({ position }) => {
      counts.lostAnnounced++;
      this.position = position;
      this.#liveSinceMs = wallMs();
    });
    topic.subscribed().then(
      (position) => {
        this.position ??= position;
        this.#liveSinceMs = wallMs();
      },
      () => undefined,
    );
  }

  /** Whether it has the last message of its topic. */
  has(last: number): boolean {
    return this.topic.state === 'live' && this.position?.offset === last;
  }

  #message(message: TopicMessage, { epoch, offset }: Position): void {
    const counts = this.#counts;
    const before = this.position;
    counts.delivered++;
    this.position = { epoch, offset };
    const [number, publishedMs] = String(message).split(' ', 2).map(Number);
    if (number !== offset) counts.wrong++;
    if (before !== undefined) {
      if (before.epoch !== epoch) counts.lostSilently++;
      else if (offset <= before.offset) counts.twice++;
      else counts.lostSilently += offset - before.offset - 1;
    }
    if (publishedMs! > this.#liveSinceMs) this.#timing.took(wallMs() - publishedMs!);
  }
}
