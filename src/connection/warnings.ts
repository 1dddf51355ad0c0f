import process from 'node:process';
import type { Logger } from '../engine/logger.ts';

/** Codes of the warnings, for `node --disable-warning=<code>`. */
export type WarningCode = 'HAWSER_HANDLER' | 'HAWSER_ORIGIN' | 'HAWSER_EVENT' | 'HAWSER_ENGINE';

/** Name of the listener whose failure is reported to no other listener. */
export const ERROR_LISTENER = "a listener of 'error'";

const SERVER_REMEDY = "set the option logger, or listen to the event 'error'";

/**
 * Shows failures of the application that neither a logger nor a listener shows: each kind once per server or client.
 * This is the only place where the library writes output by itself: Node prints warnings to standard error.
 */
export class Warnings {
  readonly #logger: Logger | undefined;
  #told: Set<string> | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /**
   * Reports a failed function of the application. Call it if neither an `error` listener nor the logger shows the
   * failure.
   * @param where The function, such as "a listener of 'message'" or "the request hook". One warning for each.
   * @param remedy How to see all failures.
   */
  failure(where: string, error: unknown, remedy = SERVER_REMEDY): void {
    if (this.#logger !== undefined || !this.#isFirst(`failure of ${where}`)) return;
    const stack = error instanceof Error ? (error.stack ?? String(error)) : describe(error);
    emit(
      'HAWSER_HANDLER',
      `${where} failed`,
      `${stack}\nFurther failures of this kind are not shown. To see all of them ${remedy}.`,
    );
  }

  /**
   * Reports a harmless mistake of the application: one line to the logger, or one warning.
   * @param kind One report for each.
   */
  mistake(code: WarningCode, kind: string, text: string, detail?: string): void {
    if (!this.#isFirst(kind)) return;
    if (this.#logger === undefined) emit(code, text, detail);
    else warn(this.#logger, code, text);
  }

  #isFirst(kind: string): boolean {
    this.#told ??= new Set();
    if (this.#told.has(kind)) return false;
    this.#told.add(kind);
    return true;
  }
}

function warn(logger: Logger, code: WarningCode, text: string): void {
  try {
    logger.warn({ code }, text);
  } catch {
    // A throwing logger must not disturb the application's call, and there is no other place to report it.
  }
}

/** Describes a thrown value that is not an error. It may be an object that cannot become a string. */
function describe(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'an object';
  }
}

function emit(code: WarningCode, text: string, detail?: string): void {
  const silence = `To hide this warning: node --disable-warning=${code}`;
  process.emitWarning(text, {
    type: 'HawserWarning',
    code,
    detail: detail === undefined ? silence : `${detail}\n${silence}`,
  });
}
