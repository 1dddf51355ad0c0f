import { EngineError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
import type { Batch, HistoryLimits, HistoryRead, Published } from '../../engine.ts';
import { type Keys, partitionOf } from './keys.ts';
import type { Reply } from './link.ts';
import { asBuffer, bytesOf, listOf, numberOf, textOf } from './replies.ts';
import type { Session } from './session.ts';

/** How long Redis remembers the last batch of a node: longer than a node sends a batch again. */
const LAST_BATCH_MS = 60_000;

/** The histories of topics in Redis. */
export class RedisHistory {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** Numbers, stores and publishes a batch. */
  async append(session: Session, batch: Batch, history: HistoryLimits): Promise<Published> {
    const { topic, node, seq, entries } = batch;
    const keys = [...this.#keys.history(topic), this.#keys.lastBatch(topic, node)];
    const { candidateEpoch, maxMessages, maxBytes, ttlMs, positionTtlMs } = history;
    const limits = [maxMessages, maxBytes, ttlMs, positionTtlMs].map(String);
    const channel = this.#keys.channel({ kind: 'messages', topic });
    const origin = [channel, node, String(seq), String(LAST_BATCH_MS)];
    const args = [candidateEpoch, ...limits, ...origin, ...entries.map(asBuffer)];
    const [epoch, first, again] = listOf(await session.script('append', keys, args));
    return { epoch: textOf(epoch), first: numberOf(first), again: numberOf(again) === 1 };
  }

  async read(
    session: Session,
    topic: string,
    since: Position | undefined,
    { candidateEpoch, positionTtlMs }: HistoryLimits,
  ): Promise<HistoryRead> {
    const args = [candidateEpoch, String(positionTtlMs), since?.epoch ?? '', String(since?.offset ?? 0)];
    const [epoch, offset, list] = listOf(await session.script('read', this.#keys.history(topic), args));
    const top = numberOf(offset);
    const entries = listOf(list).map(bytesOf);
    return { epoch: textOf(epoch), top, first: top - entries.length + 1, entries };
  }

  /** One command for each partition, so that the keys of a command are in one slot. */
  async positions(session: Session, topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    const byPartition = new Map<number, number[]>();
    topics.forEach((topic, at) => {
      const partition = partitionOf(topic);
      const places = byPartition.get(partition);
      if (places === undefined) byPartition.set(partition, [at]);
      else places.push(at);
    });
    const positions: (Position | undefined)[] = topics.map(() => undefined);
    await Promise.all(
      Array.from(byPartition, async ([partition, places]) => {
        const metas = places.map((at) => this.#keys.history(topics[at]!)[0]);
        const [run, ...found] = listOf(await session.call(['MGET', this.#keys.runs[partition]!, ...metas]));
        places.forEach((at, i) => (positions[at] = positionOf(found[i]!, run!)));
      }),
    );
    return positions;
  }
}

/** The position in the meta of a history, if it belongs to the run. */
function positionOf(meta: Reply, run: Reply): Position | undefined {
  if (meta === null || run === null) return undefined;
  const [epoch, offset, , ofRun] = textOf(meta).split(' ');
  if (ofRun !== textOf(run)) return undefined;
  if (epoch === undefined || !Number.isSafeInteger(Number(offset)))
    throw new EngineError('ERR_ENGINE_MESSAGE', 'the position of a history in Redis is invalid');
  return { epoch, offset: Number(offset) };
}
