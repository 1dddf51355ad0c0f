import type { Peer } from './peer.ts';
import { count, type Criterion } from './scenario.ts';
import type { FollowersPeriod, FollowersReport, FollowPlan } from './followers.ts';
import type { FollowerCounts } from './follower.ts';
import type { PublishingPlan } from './publishing.ts';
import type { Stage } from './stage.ts';
import { whole } from '../../src/load/index.ts';

/** Followers of one stage, in several processes, and the publishing that they follow. */
export class Followed {
  readonly #stage: Stage;
  readonly #peers: readonly Peer[];
  readonly #plan: PublishingPlan;
  readonly clients: number;

  private constructor(stage: Stage, peers: readonly Peer[], plan: PublishingPlan, clients: number) {
    this.#stage = stage;
    this.#peers = peers;
    this.#plan = plan;
    this.clients = clients;
  }

  /** Begins to publish, and starts the clients. */
  static async start(
    stage: Stage,
    peers: readonly Peer[],
    publishing: PublishingPlan,
    follow: Omit<FollowPlan, 'topics'>,
  ): Promise<Followed> {
    await stage.server.ask('publish', publishing);
    const each = Math.ceil(follow.clients / peers.length);
    await Promise.all(
      peers.map((peer, i) =>
        peer.ask('follow', {
          ...follow,
          clients: Math.min(each, follow.clients - i * each),
          topics: publishing.topics,
        } satisfies FollowPlan),
      ),
    );
    return new Followed(stage, peers, publishing, follow.clients);
  }

  /** Kills the server, waits, and starts it again; it publishes as before, from number 1. */
  async restartServer(pauseMs: () => Promise<unknown>): Promise<void> {
    await this.#stage.killServer();
    await pauseMs();
    await this.#stage.startServer();
    await this.#stage.server.ask('publish', this.#plan);
  }

  async report(tops: readonly number[] | null = null): Promise<FollowersReport> {
    const reports = await Promise.all(
      this.#peers.map((peer) => peer.ask<FollowersReport>('followers', tops)),
    );
    return reports.reduce((sum, one) => ({
      counts: added(sum.counts, one.counts),
      live: sum.live + one.live,
      ended: sum.ended + one.ended,
      failures: added(sum.failures, one.failures),
      behind: sum.behind + one.behind,
    }));
  }

  /** What happened since the previous call; the worst of all processes. */
  async period(): Promise<FollowersPeriod> {
    const periods = await Promise.all(this.#peers.map((peer) => peer.ask<FollowersPeriod>('period')));
    const worst = (of: (one: FollowersPeriod) => number | null): number | null =>
      periods.reduce<number | null>(
        (most, one) => (of(one) === null ? most : Math.max(most ?? 0, of(one)!)),
        null,
      );
    return {
      p50Ms: worst(({ p50Ms }) => p50Ms),
      p99Ms: worst(({ p99Ms }) => p99Ms),
      busiestSecond: periods.reduce((sum, { busiestSecond }) => sum + busiestSecond, 0),
    };
  }

  /** Waits until every client is live. @returns How long it took, or `undefined` if it took longer than the limit. */
  async allLive(limitMs: number): Promise<number | undefined> {
    const fromMs = this.#stage.nowMs;
    const areLive = await this.#stage.until(async () => (await this.report()).live === this.clients, limitMs);
    return areLive ? this.#stage.nowMs - fromMs : undefined;
  }

  /** Ends publishing, waits for the last messages, and closes the clients. */
  async end(limitMs: number): Promise<FollowersReport> {
    const tops = await this.#stage.server.ask<readonly number[]>('published');
    await this.#stage.until(async () => (await this.report(tops)).behind === 0, limitMs);
    const report = await this.report(tops);
    await Promise.all(this.#peers.map((peer) => peer.ask('unfollow')));
    return report;
  }
}

const added = <Counts extends Readonly<Record<string, number>> | FollowerCounts>(
  a: Counts,
  b: Counts,
): Counts => {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + value;
  return sum as Counts;
};

/** The promise of hawser.v1: a missing message is announced, none comes twice, and every client has the last one. */
export function nothingLost({ counts, behind, ended }: FollowersReport): Criterion[] {
  const { delivered, recovered, lostAnnounced, lostSilently, twice, wrong } = counts;
  return [
    count(
      'no message is missing silently, comes twice, or has the content of another one',
      `${whole(delivered)} delivered, ${whole(recovered)} resumes with every message, ${whole(lostAnnounced)} losses announced; ${lostSilently} missing silently, ${twice} twice, ${wrong} wrong`,
      delivered > 0 && lostSilently === 0 && twice === 0 && wrong === 0,
    ),
    count('every client has the last message of its topic', `${whole(behind)} do not have it`, behind === 0),
    count('no client gives up', whole(ended), ended === 0),
  ];
}
