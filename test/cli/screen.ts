import { Writable } from 'node:stream';

const ESC = '\u001b';
const COLOUR = new RegExp(String.raw`${ESC}\[[\d;]*m`, 'g');
const TOKEN = new RegExp(String.raw`${ESC}\[\d*[A-Za-z]|[^]`, 'gu');

/**
 * Emulates the part of a terminal that line editing uses: wrapping, cursor moves and clearing. An unknown escape sequence
 * fails the test.
 */
export class Screen extends Writable {
  readonly columns: number;
  readonly isTTY = true;
  rows: string[][] = [[]];
  row = 0;
  column = 0;

  constructor(columns: number) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  /** The shown text, without spaces at the ends of rows and without empty rows at the end. */
  get text(): string {
    const rows = this.rows.map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    return rows.join('\n').trimEnd();
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    // Ignore colours.
    const text = chunk.toString().replaceAll(COLOUR, '');
    for (const [token] of text.matchAll(TOKEN)) this.#take(token);
    done();
  }

  #take(token: string): void {
    if (token.startsWith(ESC)) this.#command(token.slice(2, -1), token.at(-1)!);
    else if (token === '\r') this.column = 0;
    else if (token === '\n') {
      this.column = 0;
      this.#moveTo(this.row + 1);
    } else {
      if (this.column === this.columns) {
        this.column = 0;
        this.#moveTo(this.row + 1);
      }
      this.rows[this.row]![this.column++] = token;
    }
  }

  #command(digits: string, letter: string): void {
    const count = digits === '' ? 1 : Number(digits);
    if (letter === 'A') this.row = Math.max(0, this.row - count);
    else if (letter === 'B') this.#moveTo(this.row + count);
    else if (letter === 'C') this.column = Math.min(this.columns, this.column + count);
    else if (letter === 'D') this.column = Math.max(0, this.column - count);
    else if (letter === 'G') this.column = count - 1;
    else if (letter === 'J') {
      this.rows.length = this.row + 1;
      this.rows[this.row]!.length = Math.min(this.rows[this.row]!.length, this.column);
    } else if (letter === 'K')
      this.rows[this.row]!.length = Math.min(this.rows[this.row]!.length, this.column);
    else throw new Error(`the screen does not know ESC [ ${digits}${letter}`);
  }

  #moveTo(row: number): void {
    this.row = row;
    while (this.rows.length <= row) this.rows.push([]);
  }
}
