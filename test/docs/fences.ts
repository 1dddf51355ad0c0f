import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..', '..');

const SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'build', '.git']);

/** Pages below a folder. Links are not followed: packages link to this folder, and later Nodes would go round and round. */
const pagesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return folder === '' || SKIPPED.has(entry.name) ? [] : pagesBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });

/** Every page of the repository, by its path below the root, with `/` between folders. */
export const PAGES: readonly string[] = [
  '',
  'docs',
  'bench',
  'examples',
  'src',
  'test',
  'fuzz',
  'tools',
  '.github',
].flatMap((folder) => (existsSync(join(ROOT, folder)) ? pagesBelow(folder) : []));

/** What stands between two lines of three backticks. */
export interface Fence {
  /** `docs/client.md: The loop`, with a number behind it from the second of one heading on. Names it for good. */
  readonly key: string;
  readonly page: string;
  /** Line of its first line, from 1. */
  readonly line: number;
  /** Empty if the fence names none. */
  readonly language: string;
  readonly code: string;
}

export function fencesOf(page: string): Fence[] {
  const fences: Fence[] = [];
  let heading = '';
  let open: { language: string; line: number; lines: string[] } | undefined;
  const lines = readFileSync(join(ROOT, page), 'utf8').split(/\r?\n/);
  for (const [at, text] of lines.entries()) {
    const fence = /^```(.*)$/.exec(text);
    if (open === undefined) {
      heading = /^#{1,6} +(.+)$/.exec(text)?.[1] ?? heading;
      if (fence !== null) open = { language: fence[1]!, line: at + 2, lines: [] };
    } else if (fence === null) open.lines.push(text);
    else {
      const name = `${page}: ${heading}`;
      const before = fences.filter(({ key }) => key === name || key.startsWith(`${name} (`)).length;
      fences.push({
        key: before === 0 ? name : `${name} (${before + 1})`,
        page,
        line: open.line,
        language: open.language,
        code: `${open.lines.join('\n')}\n`,
      });
      open = undefined;
    }
  }
  return fences;
}

/** All of them, but what the compiler's own output is quoted in: `npm run docs:api` writes docs/api, and a test compares it. */
export const FENCES: readonly Fence[] = PAGES.filter((page) => !page.startsWith('docs/api/')).flatMap(
  fencesOf,
);
