import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..', '..');

const SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'build', '.git']);

/** The API pages of the site, which are not committed. TypeDoc and the site's own check of links judge them. */
const GENERATED = 'docs/api';

/** Pages below a folder. Does not follow links: packages link to this folder, and newer Nodes would loop. */
const pagesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return folder === '' || SKIPPED.has(entry.name) || path === GENERATED ? [] : pagesBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });

/** Every page of the repository: paths below the root, with `/` between folders. */
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

/** A fenced code block. */
export interface Fence {
  /** A stable name: `docs/client.md: The loop`. From the second block of a heading on, a number follows. */
  readonly key: string;
  readonly page: string;
  /** Number of its first line, from 1. */
  readonly line: number;
  /** The language; empty if the fence names none. */
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

/** Every code block of every page. */
export const FENCES: readonly Fence[] = PAGES.flatMap(fencesOf);
