// The clients of a scenario, in a process of their own: loads of the load generator, followers of topics, and clients that do not read.
import { figuresOf, LatencyHistogram, type LoadPlan, LoadRun } from '../../src/load/index.ts';
import type { SoakFigures } from './scenario.ts';
import { answerCalls } from './answering.ts';
import { type ClientSample, latencyFigures } from './client-sample.ts';
import { Crowd, type CrowdPlan } from './crowd.ts';
import { Followers, type FollowPlan } from './followers.ts';
import { Stalled, type StallPlan } from './stalled.ts';

/** A load, and what of it the previous sample had. */
interface Running {
  readonly load: LoadRun;
  readonly mode: LoadPlan['mode'];
  before: LatencyHistogram;
  total: number;
}

const running = new Map<string, Running>();
const stop = new AbortController();
let followers: Followers | undefined;
let stalled: Stalled | undefined;
let crowd: Crowd | undefined;

/** Runs a load to its end. @throws LoadError if nothing could be measured, or an answer was wrong. */
async function load({ name, plan }: { name: string; plan: LoadPlan }): Promise<SoakFigures> {
  const run = new LoadRun(plan, { signal: stop.signal });
  running.set(name, { load: run, mode: plan.mode, before: new LatencyHistogram(), total: 0 });
  try {
    const result = await run.run();
    return { ...figuresOf(plan, result), unanswered: result.unanswered ?? 0 };
  } finally {
    running.delete(name);
  }
}

function sample(): ClientSample {
  const latency = new LatencyHistogram();
  let messages = 0;
  let open = 0;
  for (const one of running.values()) {
    const { tally } = one.load;
    const { open: now, total } = one.load.snapshot();
    open += now;
    // Openings are no answers.
    if (one.mode === 'handshake') continue;
    latency.add(tally.latency.since(one.before).toData());
    one.before = tally.latency.copy();
    messages += total - one.total;
    one.total = total;
  }
  if (followers !== undefined) {
    const { latency: delays, delivered, open: now } = followers.take();
    latency.add(delays.toData());
    messages += delivered;
    open += now;
  }
  open += crowd?.open ?? 0;
  return { open, messages, ...latencyFigures(latency) };
}

answerCalls({
  load,
  sample,
  /** Ends all loads early. */
  stop: () => stop.abort(),
  follow: (plan: FollowPlan) => {
    followers = new Followers(plan);
  },
  followers: (tops: readonly number[] | null) => followers?.report(tops),
  /** What happened to the followers since the last call. */
  period: () => followers?.period(),
  unfollow: () => followers?.close(),
  stall: (plan: StallPlan) => {
    stalled = new Stalled(plan);
  },
  stalled: () => stalled?.report(),
  unstall: () => stalled?.end(),
  crowd: (plan: CrowdPlan) => {
    crowd = new Crowd(plan);
    return crowd.opened();
  },
  /** Resolves when every connection of the crowd has received so many bytes of messages in all. */
  received: (bytes: number) => crowd?.received(bytes),
  crowdLost: () => crowd?.lost,
});
