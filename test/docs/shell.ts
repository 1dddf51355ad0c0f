/** One program of a line of shell, as a person would type it. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** What is read in place of what is typed: the output of the program before it, or a file behind `<`. */
  readonly input: 'typed' | 'pipe' | 'file';
}

/** A comment; an operator; a word, whole or in quotes, with a `<placeholder>` in it. */
const TOKEN = /\s*(?:(#.*)|(&&|[|&>]|<(?!\w+>))|((?:'[^']*'|"[^"]*"|<\w+>|[^\s'"&|<>#])+))/y;

/**
 * Takes a line apart: words, single and double quotes, `&&`, `|`, `&`, `<`, comments. That is all that guides may use.
 * @throws Error for anything else.
 */
export function readShell(line: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let words: string[] = [];
  let input: ShellCommand['input'] = 'typed';
  let file = false;
  const end = (next: ShellCommand['input']): void => {
    if (words.length > 0) commands.push({ words, input });
    words = [];
    input = next;
  };
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const [, comment, operator, word] = TOKEN.exec(line) ?? [];
    if (comment !== undefined) break;
    if (word !== undefined) {
      if (file) input = 'file';
      else words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
      file = false;
    } else if (operator === '<') file = true;
    else if (operator === undefined || operator === '>') throw new Error(`${line.slice(at)}: not for guides`);
    else end(operator === '|' ? 'pipe' : 'typed');
  }
  end('typed');
  return commands;
}
