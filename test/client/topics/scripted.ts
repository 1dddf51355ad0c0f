import type { TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { ClientTopics } from '../../../src/client/topics/client-topics.ts';
import type { TopicsHost } from '../../../src/client/topics/topics-host.ts';
import { DEFAULT_RECONNECT_OPTIONS } from '../../../src/client/index.ts';
import { eventLoopTurns, VirtualClock } from '../../../src/testing/index.ts';

export type Frame = Readonly<Record<string, unknown>>;

/** The client's side of `hawser.v1` with a scripted server: a test reads and writes each frame. */
export interface Scripted {
  readonly topics: ClientTopics;
  readonly clock: VirtualClock;
  /** Frames of the client since the last call. */
  readonly sent: () => Frame[];
  /** Frames of the server. */
  readonly serve: (...frames: readonly Frame[]) => void;
  readonly connect: () => void;
  /** The connection begins to end; frames of the server may still come. */
  readonly ending: () => void;
  readonly cut: () => void;
  /** What the host heard, in order: messages, failures, violations. */
  readonly heard: unknown[];
}

/** @param t After the test, no timer may be left. */
export function scripted(t: TestContext, options: Partial<TopicsHost> = {}): Scripted {
  const clock = new VirtualClock();
  const heard: unknown[] = [];
  const queue: Frame[] = [];
  let isWritable = false;
  const host: TopicsHost = {
    clock,
    queue: DEFAULT_RECONNECT_OPTIONS.offlineQueue,
    backoff: DEFAULT_RECONNECT_OPTIONS,
    fraction: () => 0.5,
    get isWritable() {
      return isWritable;
    },
    sendFrame: (frame) => {
      if (isWritable) queue.push(JSON.parse(frame) as Frame);
    },
    bytesOf: (text) => Buffer.byteLength(text),
    dataOf: (payload) => payload as string | Uint8Array,
    toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
    fromBase64: (text) => Buffer.from(text, 'base64'),
    message: (message) => void heard.push(['message', message]),
    greeted: (pingMs) => void heard.push(['greeted', pingMs]),
    listenerFailed: (error, where) => void heard.push(['listenerFailed', (error as Error).message, where]),
    topicFailed: ({ code }, where) => void heard.push(['topicFailed', code, where]),
    violated: (detail) => void heard.push(['violated', detail]),
    ...options,
  };
  const topics = new ClientTopics(host);
  t.after(() => {
    topics.end();
    assert.equal(clock.pendingTimers, 0);
    assert.equal(topics.operations.size, 0);
  });
  return {
    topics,
    clock,
    sent: () => queue.splice(0),
    serve: (...frames) => {
      for (const frame of frames) void topics.received(JSON.stringify(frame));
    },
    connect: () => {
      isWritable = true;
      topics.connected();
    },
    ending: () => {
      isWritable = false;
    },
    cut: () => {
      isWritable = false;
      topics.disconnected();
    },
    heard,
  };
}

/** Runs pending microtasks and turns. */
export const settle = (): Promise<void> => eventLoopTurns(2);

/** How a promise ended: its value, or code and outcome of its error. `undefined` while it is pending. */
export function endOf(promise: Promise<unknown>): { end: unknown } {
  const result: { end: unknown } = { end: undefined };
  promise.then(
    (value) => {
      result.end = value;
    },
    (error: { code?: string; outcome?: string; message: string }) => {
      result.end = [error.code ?? error.message, error.outcome];
    },
  );
  return result;
}

/** What a topic emitted, in order. */
export function eventsOf(topic: ReturnType<ClientTopics['topic']>): unknown[] {
  const events: unknown[] = [];
  topic.on('message', (message, position) => void events.push([message, position?.offset]));
  topic.on('recovered', ({ position, missed }) => void events.push(['recovered', position?.offset, missed]));
  topic.on('lost', ({ position }) => void events.push(['lost', position?.epoch, position?.offset]));
  topic.on('join', ({ key, connections }) => void events.push(['join', key, connections]));
  topic.on('leave', (key) => void events.push(['leave', key]));
  topic.on('members', ({ count, members }) => void events.push(['members', count, members]));
  topic.on('error', ({ code }) => void events.push(['error', code]));
  return events;
}

/** `message` frames of a topic. */
export const messages = (topic: string, from: number, to: number): Frame[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({
    op: 'message',
    topic,
    offset: from + at,
    data: String(from + at),
  }));
