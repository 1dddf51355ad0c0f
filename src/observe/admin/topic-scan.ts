import { inSlices, type Pace } from './slices.ts';
import type { AdminTopic } from './snapshot.ts';

const MAX_TOPICS = 20;

/** The topics of a server, as a scan sees them. */
export interface ScannedTopics extends Iterable<string> {
  readonly size: number;
  subscriberCount(topic: string): number;
}

/** @returns The topics with most subscribers, largest first; `undefined` if no viewer is left. */
export async function topTopics(
  topics: ScannedTopics,
  pace: Pace,
  wanted: () => boolean,
): Promise<readonly AdminTopic[] | undefined> {
  let top: AdminTopic[] = [];
  const cut = (): void => {
    top.sort((one, other) => other.subscribers - one.subscribers);
    top = top.slice(0, MAX_TOPICS);
  };
  const visit = (name: string): void => {
    top.push({ name, subscribers: topics.subscriberCount(name) });
    if (top.length >= 10 * MAX_TOPICS) cut();
  };
  if (!(await inSlices(topics, topics.size, visit, pace, wanted))) return undefined;
  cut();
  return top;
}
