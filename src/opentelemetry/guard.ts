import { context, type Context, diag } from '@opentelemetry/api';
import { runAround } from '../engine/run-around.ts';

/** Shows a failure of an SDK where the API shows its own. */
function report(error: unknown): void {
  try {
    diag.error('hawser/opentelemetry: a call of the SDK failed', error);
  } catch {
    // There is no other place to report it.
  }
}

/** Calls the SDK. What it throws is reported and affects no connection. @returns `undefined` if it threw. */
export function guarded<Result>(step: () => Result): Result | undefined {
  try {
    return step();
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** Runs `step` once, in a context. @throws What `step` throws. */
export const runIn = (active: Context, step: () => void): void =>
  runAround((once) => context.with(active, once), step, report);
