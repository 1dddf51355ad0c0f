/** One program of a shell line. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** Source of standard input: the terminal, the previous program of a pipe, or a file after `<`. */
  readonly input: 'typed' | 'pipe' | 'file';
}

/** Matches a comment, an operator, or a word that may contain quotes and `<placeholder>`. */
const TOKEN = /\s*(?:(#.*)|(&&|[|&>]|<(?!\w+>))|((?:'[^']*'|"[^"]*"|<\w+>|[^\s'"&|<>#])+))/y;

/**
 * Parses a shell line: words, single and double quotes, `&&`, `|`, `&`, `<`, comments. Guides may use nothing else.
 * @throws Error for other syntax.
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
