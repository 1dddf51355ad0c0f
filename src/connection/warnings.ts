import process from 'node:process';
import type { ConnectionLog } from './log.ts';

/** Codes of the warnings, for `node --disable-warning=<code>`. */
export type WarningCode = 'HAWSER_HANDLER' | 'HAWSER_ORIGIN' | 'HAWSER_EVENT';

/** Where a failure happened that no further listener hears of. */
export const ERROR_LISTENER = "a listener of 'error'";

/**
 * Makes visible, without logger and listener, what would stay invisible: each kind once for one server or client. The one
 * place where the library writes anything by itself: Node prints warnings to standard error.
 */
export class Warnings {
  readonly #log: ConnectionLog;
  #told: Set<string> | undefined;

  constructor(log: ConnectionLog) {
    this.#log = log;
  }

  /**
   * A function of the application failed. To be called where neither an `error` listener nor the logger shows it.
   * @param where The function: "a listener of 'message'", "the request hook". One warning for each.
   */
  failure(where: string, error: unknown): void {
    if (this.#log.isOn || !this.#isFirst(`failure of ${where}`)) return;
    const stack = error instanceof Error ? (error.stack ?? String(error)) : describe(error);
    emit(
      'HAWSER_HANDLER',
      `${where} failed`,
      `${stack}\nFurther failures of this kind are not shown. To see all of them set the option logger, or listen to the event 'error'.`,
    );
  }

  /**
   * A mistake that harms nothing by itself: a line of the logger, or a warning.
   * @param kind One of each.
   */
  mistake(code: WarningCode, kind: string, text: string, detail?: string): void {
    if (!this.#isFirst(kind)) return;
    if (this.#log.isOn) this.#log.mistake(code, text);
    else emit(code, text, detail);
  }

  #isFirst(kind: string): boolean {
    this.#told ??= new Set();
    if (this.#told.has(kind)) return false;
    this.#told.add(kind);
    return true;
  }
}

/** A thrown value that is no error. It may be an object without a way to become a string. */
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
