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

/** Default deadline of the waits of this kit, in ms: far more than a healthy test needs. */
export const DEFAULT_DEADLINE_MS = 5_000;

/** A wait failed: its deadline passed, or the event can no longer happen. The message names what was awaited. */
export class WaitError extends Error {
  override readonly name: string = 'WaitError';
}

/** The deadline of a wait. */
export interface WaitOptions {
  /** Real time after which the wait fails, in ms. Default 5 000. */
  readonly deadlineMs?: number;
}

/**
 * Waits for the next event `name`.
 * @returns The arguments of the event.
 * @throws WaitError at the deadline, or if `error` is emitted first; the emitted error is then its `cause`.
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

/** Options of {@link waitUntil}. */
export interface WaitUntilOptions extends WaitOptions {
  /** Describes the condition in the error. Default: the source text of the condition. */
  readonly description?: string;
}

/**
 * Calls `condition` now and in each turn of the event loop, until it returns a truthy value.
 * @returns That value.
 * @throws WaitError at the deadline.
 * @throws The error of `condition`, at once.
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
 * Waits for a number of turns of the event loop. Use it to test that an event does not happen. To wait for an event, use
 * {@link waitUntil}.
 */
export async function eventLoopTurns(turns: number): Promise<void> {
  checkArgument('eventLoopTurns', 'turns', turns, WHOLE_NUMBER);
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
