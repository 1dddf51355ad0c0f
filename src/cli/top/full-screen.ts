import { emitKeypressEvents } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Terminal } from '../command.ts';

const ESC = '\u001b';
const ENTER = `${ESC}[?1049h${ESC}[?25l`;
const LEAVE = `${ESC}[?25h${ESC}[?1049l`;
/** Of a terminal that does not tell its size. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

type Screenful = Writable & { readonly columns?: number; readonly rows?: number };
type Keyboard = Readable & { setRawMode?: (raw: boolean) => unknown };

/** A pressed key. */
export interface Key {
  /** `up`, `return`, `escape`, `a`; `undefined` for signs without a name. */
  readonly name: string | undefined;
  readonly ctrl: boolean;
  /** The text that the key stands for. */
  readonly text: string;
}

/** The whole terminal: what was on it before comes back in the end. */
export class FullScreen {
  readonly #output: Screenful;
  readonly #input: Keyboard;
  #lines: string[] = [];
  #open = true;
  readonly #removeListeners: () => void;

  /** @param resized Called after the size of the terminal has changed: draw again. */
  constructor({ input, output }: Terminal, pressed: (key: Key) => void, resized: () => void) {
    this.#output = output;
    this.#input = input;
    const onKey = (
      text: string | undefined,
      { name, ctrl = false }: { readonly name?: string; readonly ctrl?: boolean },
    ): void => pressed({ name, ctrl, text: text ?? '' });
    const onResize = (): void => {
      this.#lines = [];
      resized();
    };
    this.#removeListeners = () => {
      input.off('keypress', onKey);
      output.off('resize', onResize);
    };
    output.write(ENTER);
    this.#input.setRawMode?.(true);
    emitKeypressEvents(input);
    input.on('keypress', onKey);
    output.on('resize', onResize);
    input.resume();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#output;
    return { columns: columns || DEFAULT_SIZE.columns, rows: rows || DEFAULT_SIZE.rows };
  }

  /** Draws lines from the top; only those that have changed are written. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const changed = lines
      .map((line, i) => (line === this.#lines[i] ? '' : `${ESC}[${i + 1};1H${ESC}[2K${line}`))
      .join('');
    const surplus = this.#lines.length === lines.length ? '' : `${ESC}[${lines.length + 1};1H${ESC}[J`;
    this.#lines = [...lines];
    // After a change of size the rows have other places.
    if (changed !== '') this.#output.write(changed + surplus);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#removeListeners();
    this.#output.write(LEAVE);
    this.#input.setRawMode?.(false);
    this.#input.pause();
  }
}
