import type { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import {
  checkArgument,
  checkCallOptions,
  EMITTER,
  EVENT,
  FUNCTION,
  OPTIONS,
  WHOLE_NUMBER,
} from './call-check.ts';

/** How long the waits of this kit last unless told otherwise, in ms: far beyond what a healthy test needs. */
export const DEFAULT_DEADLINE_MS = 5_000;

/** What was waited for did not happen in time, or cannot happen any more. The message says what it was. */
export class WaitError extends Error {
  override readonly name: string = 'WaitError';
}

/** How long a wait may take. */
export interface WaitOptions {
  /** Real time after which the wait fails, in ms. Default 5 000. */
  readonly deadlineMs?: number;
}

/**
 * Waits for the next event `name`.
 * @returns The arguments of the event.
 * @throws WaitError at the deadline, or when `error` is emitted in the meantime, which is then its `cause`.
 */
export function waitForEvent<Args extends unknown[] = unknown[]>(
  emitter: Pick<EventEmitter, 'on' | 'off'>,
  name: string,
  options: WaitOptions = {},
): Promise<Args> {
  checkArgument('waitForEvent', 'emitter', emitter, EMITTER);
  checkArgument('waitForEvent', 'name', name, EVENT);
  checkCallOptions('waitForEvent', options, OPTIONS.wait);
  const { deadlineMs = DEFAULT_DEADLINE_MS } = options;
  return new Promise<Args>((resolve, reject) => {
    const done = (): void => {
      clearTimeout(deadline);
      emitter.off(name, happened);
      if (name !== 'error') emitter.off('error', failed);
    };
    const happened = (...args: unknown[]): void => {
      done();
      resolve(args as Args);
    };
    const failed = (cause: unknown): void => {
      done();
      reject(new WaitError(`'error' was emitted while waiting for '${name}': ${String(cause)}`, { cause }));
    };
    const deadline = setTimeout(() => {
      done();
      reject(new WaitError(`no '${name}' within ${deadlineMs} ms`));
    }, deadlineMs);
    emitter.on(name, happened);
    if (name !== 'error') emitter.on('error', failed);
  });
}

/** What {@link waitUntil} says when it gives up, and how long it waits. */
export interface WaitUntilOptions extends WaitOptions {
  /** What is waited for, for the error. Default the source text of the condition. */
  readonly description?: string;
}

/**
 * Asks `condition` now, and again in every turn of the event loop, until its answer is truthy.
 * @returns That answer.
 * @throws WaitError at the deadline.
 * @throws What `condition` throws, at once.
 */
export async function waitUntil<Answer>(
  condition: () => Answer | Promise<Answer>,
  options: WaitUntilOptions = {},
): Promise<Answer> {
  checkArgument('waitUntil', 'condition', condition, FUNCTION);
  checkCallOptions('waitUntil', options, OPTIONS.waitUntil);
  const { deadlineMs = DEFAULT_DEADLINE_MS, description = String(condition) } = options;
  const giveUpAtMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() >= giveUpAtMs) {
      throw new WaitError(`not true within ${deadlineMs} ms: ${description}`);
    }
    await eventLoopTurns(1);
  }
}

/**
 * Lets the event loop turn: whatever is ready by then has happened. For tests that nothing happens; to wait for
 * something, use {@link waitUntil}.
 */
export async function eventLoopTurns(turns: number): Promise<void> {
  checkArgument('eventLoopTurns', 'turns', turns, WHOLE_NUMBER);
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
