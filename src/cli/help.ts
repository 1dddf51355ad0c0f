import type { Flag } from './flags.ts';

/** A titled group of flags in a help text. */
export interface FlagGroup {
  readonly title: string;
  readonly flags: readonly Flag[];
}
export interface Example {
  readonly command: string;
  readonly says: string;
}

/** Maximum line width, in columns. */
const WIDTH = 100;
const MAX_FLAG_WIDTH = 40;

const flagText = ({ name, short, value, negatable }: Flag): string =>
  `${short === undefined ? '' : `-${short}, `}--${negatable === true ? '[no-]' : ''}${name}${value === undefined ? '' : ` ${value}`}`;

const flagSentence = ({ says, repeatable, default: fallback }: Flag): string =>
  says +
  (repeatable === true ? '; may be repeated' : '') +
  (fallback === undefined ? '' : ` (default ${fallback})`);

/** Two columns. The right column is wrapped; it starts on the next line if the left text is too wide. */
function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const left = Math.min(MAX_FLAG_WIDTH, Math.max(...rows.map(([text]) => text.length)));
  const indent = ' '.repeat(left + 4);
  return rows.flatMap(([text, right]) => {
    const lines = wrapped(right, WIDTH - indent.length);
    const first = `  ${text.padEnd(left)}`;
    return text.length > left
      ? [first, ...lines.map((line) => indent + line)]
      : [`${first}  ${lines[0] ?? ''}`.trimEnd(), ...lines.slice(1).map((line) => indent + line)];
  });
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

/** The help of one command. */
export function helpText(
  usage: string,
  about: readonly string[],
  groups: readonly FlagGroup[],
  examples: readonly Example[],
): string {
  return [
    `Usage: ${usage}`,
    '',
    ...about,
    ...groups.flatMap(({ title, flags }) => [
      '',
      `${title}:`,
      ...columns(flags.map((flag) => [flagText(flag), flagSentence(flag)])),
    ]),
    '',
    'Examples:',
    ...columns(examples.map(({ command, says }) => [command, says])),
  ].join('\n');
}

/** The help of `hawser` itself. */
export function overview(
  commands: Iterable<{ readonly name: string; readonly summary: string }>,
  examples: readonly Example[],
): string {
  return [
    'Usage: hawser <command> [flags]',
    '',
    'Commands:',
    ...columns([...commands].map(({ name, summary }) => [name, summary])),
    '',
    'Flags of every command:',
    ...columns([
      ['-h, --help', 'describe the command, its flags and examples'],
      ['--debug', 'print the stack of an error'],
    ]),
    '',
    '  hawser --version prints the version.',
    '',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check failed, 130 interrupted.',
    '',
    'Examples:',
    ...columns(examples.map(({ command, says }) => [command, says])),
  ].join('\n');
}
