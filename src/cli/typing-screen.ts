import { createInterface, type Interface } from 'node:readline';
import { type Readable, Transform, type TransformCallback, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Terminal } from './command.ts';

const PROMPT = '> ';
const ESC = '\u001b';
const MOVE_UP = new RegExp(String.raw`^${ESC}\[\d+A$`);
type Colour = 'cyan' | 'dim' | 'red';
const COLOURS: Readonly<Record<Colour, string>> = { cyan: '36', dim: '2', red: '31' };

/** A stream with the width of a terminal. */
type TerminalOutput = Writable & { readonly columns?: number };

/** Splits typed text into characters: readline appends longer chunks at the end of the line instead of at the cursor. */
class Keys extends Transform {
  readonly #input: Readable & { readonly isRaw?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly #decoder = new StringDecoder('utf8');

  constructor(input: Readable) {
    super({ readableObjectMode: true });
    this.#input = input;
    input.pipe(this);
  }

  get isRaw(): boolean {
    return this.#input.isRaw === true;
  }

  setRawMode(raw: boolean): void {
    this.#input.setRawMode?.(raw);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    for (const character of this.#decoder.write(chunk)) this.push(character);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#input.unpipe(this);
    this.#input.pause();
    done(error);
  }
}

/** The output of readline: writes to the terminal, except a cursor move that would overwrite printed lines. */
class Drawing extends Writable {
  readonly isTTY = true;
  readonly #screen: TerminalOutput;
  /** The cursor is at the start of the typed line. Skip the next write if it moves the cursor up. */
  isBelow = false;

  constructor(screen: TerminalOutput) {
    super({ decodeStrings: false });
    this.#screen = screen;
    screen.on('resize', () => this.emit('resize'));
  }

  get columns(): number {
    return this.#screen.columns ?? 80;
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    if (!(this.isBelow && MOVE_UP.test(chunk.toString()))) this.#screen.write(chunk);
    this.isBelow = false;
    done();
  }
}

/**
 * A terminal that prints lines above the line being typed. The typed line and its cursor stay unchanged. Uses only the
 * public interface of `node:readline`.
 */
export class TypingScreen {
  readonly lines: Interface;
  readonly #terminal: Terminal;
  readonly #drawing: Drawing;
  readonly #keys: Keys;
  #open = true;

  /** @param history Lines of earlier sessions, the newest first. */
  constructor(terminal: Terminal, history: readonly string[]) {
    this.#terminal = terminal;
    this.#drawing = new Drawing(terminal.output);
    this.#keys = new Keys(terminal.input);
    this.lines = createInterface({
      input: this.#keys,
      output: this.#drawing,
      terminal: true,
      prompt: PROMPT,
      history: [...history],
      historySize: 1_000,
      removeHistoryDuplicates: true,
    });
    this.lines.once('close', () => (this.#open = false));
  }

  /** Shows the line being typed. */
  prompt(): void {
    if (this.#open) this.lines.prompt(true);
  }

  /** @param mark Prefix of the first line; the other lines are indented by its width. */
  print(mark: string, lines: readonly string[], colour: Colour): void {
    const { output } = this.#terminal;
    const text = lines.map(
      (line, at) => `${at === 0 ? this.#coloured(mark, colour) : ' '.repeat(mark.length)} ${line}\n`,
    );
    if (!this.#open) {
      output.write(text.join(''));
      return;
    }
    // The typed line may be wrapped: move up to its start and clear everything after it.
    const { rows } = this.lines.getCursorPos();
    output.write(`${rows > 0 ? `${ESC}[${rows}A` : ''}\r${ESC}[J${text.join('')}`);
    this.#drawing.isBelow = true;
    this.lines.prompt(true);
  }

  close(): void {
    this.lines.close();
    this.#keys.destroy();
  }

  #coloured(text: string, colour: Colour): string {
    return this.#terminal.hasColours ? `${ESC}[${COLOURS[colour]}m${text}${ESC}[0m` : text;
  }
}
