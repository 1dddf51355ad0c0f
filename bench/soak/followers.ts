import { ReconnectingClient, type ReconnectOptions } from '../../src/client/index.ts';
import { LatencyHistogram } from '../../src/load/index.ts';
import { type Latency, latencyFigures } from './client-sample.ts';
import { Follower, type FollowerCounts } from './follower.ts';

/** Clients of hawser.v1; each follows one topic. Plain data. */
export interface FollowPlan {
  readonly url: string;
  readonly clients: number;
  readonly topics: number;
  readonly options?: ReconnectOptions;
}

export interface FollowersReport {
  readonly counts: FollowerCounts;
  /** Clients that are connected, and whose topic is live. */
  readonly live: number;
  /** Clients that gave up. */
  readonly ended: number;
  /** Attempts to connect that failed, by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Clients that do not have the last message of their topic. */
  readonly behind: number;
}

/** What happened in a period. */
export interface FollowersPeriod extends Latency {
  /** Connections that were opened in its busiest second. */
  readonly busiestSecond: number;
}

/** Clients whose first attempt is made in one turn. */
const OPENING = 50;

/** Many clients that reconnect, and that check every message. */
export class Followers {
  readonly #plan: FollowPlan;
  readonly #counts: FollowerCounts = {
    delivered: 0,
    recovered: 0,
    lostAnnounced: 0,
    lostSilently: 0,
    twice: 0,
    wrong: 0,
  };
  readonly #clients: ReconnectingClient[] = [];
  readonly #followers: Follower[] = [];
  readonly #failures = new Map<string, number>();
  readonly #timing = { took: (ms: number): void => this.#took(ms) };
  #latency = new LatencyHistogram();
  #period = new LatencyHistogram();
  #delivered = 0;
  #ended = 0;
  /** Connections that were opened, by second. */
  readonly #openings = new Map<number, number>();

  constructor(plan: FollowPlan) {
    this.#plan = plan;
    this.#open();
  }

  /** What happened since the previous call. */
  take(): { readonly latency: LatencyHistogram; readonly delivered: number; readonly open: number } {
    const { delivered } = this.#counts;
    const taken = { latency: this.#latency, delivered: delivered - this.#delivered, open: this.#live() };
    this.#latency = new LatencyHistogram();
    this.#delivered = delivered;
    return taken;
  }

  /** What happened since the previous call. */
  period(): FollowersPeriod {
    const figures = {
      ...latencyFigures(this.#period),
      busiestSecond: Math.max(0, ...this.#openings.values()),
    };
    this.#period = new LatencyHistogram();
    this.#openings.clear();
    return figures;
  }

  /** @param tops Number of the last message of each topic, if it is known. */
  report(tops: readonly number[] | null): FollowersReport {
    return {
      counts: this.#counts,
      live: this.#live(),
      ended: this.#ended,
      failures: Object.fromEntries(this.#failures),
      behind:
        tops === null
          ? 0
          : this.#followers.filter((follower, i) => !follower.has(tops[i % tops.length]!)).length,
    };
  }

  async close(): Promise<void> {
    await Promise.all(
      // A client that gave up has closed already.
      this.#clients
        .filter(({ state }) => state !== 'closed')
        .map((client) => new Promise((resolve) => client.once('close', resolve).close())),
    );
  }

  #took(ms: number): void {
    this.#latency.record(ms);
    this.#period.record(ms);
  }

  #live(): number {
    return this.#followers.filter(({ topic }) => topic.state === 'live').length;
  }

  #open(): void {
    const { clients, url, topics, options } = this.#plan;
    for (let i = 0; i < OPENING && this.#clients.length < clients; i++) {
      const client = new ReconnectingClient(url, { ...options, protocols: ['hawser.v1'] });
      client.on('retry', ({ error }) => {
        if (error === undefined) return;
        const why = error.message.replaceAll(/:\d{4,5}\b/g, '');
        this.#failures.set(why, (this.#failures.get(why) ?? 0) + 1);
      });
      client.on('open', () => {
        const second = Math.floor(performance.now() / 1_000);
        this.#openings.set(second, (this.#openings.get(second) ?? 0) + 1);
      });
      client.on('giveUp', () => void this.#ended++);
      const topic = client.topic(`room:${this.#clients.length % topics}`);
      this.#clients.push(client);
      this.#followers.push(new Follower(topic, this.#counts, this.#timing));
    }
    if (this.#clients.length < clients) setImmediate(() => this.#open());
  }
}
