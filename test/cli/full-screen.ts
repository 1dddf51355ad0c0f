const ESC = '\u001b';
const TOKEN = new RegExp(String.raw`${ESC}\[[?\d;]*[A-Za-z]|[^]`, 'gu');

/** What a program without colours has drawn on a whole terminal. What it does not know fails the test. */
export class DrawnScreen {
  rows: string[] = [];
  row = 0;
  column = 0;
  /** The screen that programs like an editor use. */
  isAlternate = false;
  isCursorShown = true;

  /** @param output All that was written to the terminal so far. */
  static of(output: string): DrawnScreen {
    const screen = new DrawnScreen();
    for (const [token] of output.matchAll(TOKEN)) screen.#take(token);
    return screen;
  }

  get text(): string {
    return Array.from(this.rows, (row) => (row ?? '').trimEnd())
      .join('\n')
      .trimEnd();
  }

  #take(token: string): void {
    if (token.startsWith(ESC)) this.#command(token.slice(2, -1), token.at(-1)!);
    else if (token === '\r') this.column = 0;
    else if (token === '\n') this.row++;
    else {
      const before = (this.rows[this.row] ?? '').padEnd(this.column);
      this.rows[this.row] = before.slice(0, this.column) + token + before.slice(this.column + 1);
      this.column++;
    }
  }

  #command(digits: string, letter: string): void {
    if (letter === 'H') {
      const [row = 1, column = 1] = digits.split(';').map(Number);
      [this.row, this.column] = [row - 1, column - 1];
    } else if (letter === 'K' && digits === '2') this.rows[this.row] = '';
    else if (letter === 'J') this.rows.length = Math.min(this.rows.length, this.row);
    else if (digits === '?1049') {
      this.isAlternate = letter === 'h';
      this.rows = [];
    } else if (digits === '?25') this.isCursorShown = letter === 'h';
    else throw new Error(`the screen does not know ESC [ ${digits}${letter}`);
  }
}
