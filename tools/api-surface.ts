import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEFAULT_CONNECT_OPTIONS, DEFAULT_RECONNECT_OPTIONS, DEFAULT_SERVER_OPTIONS } from '../src/index.ts';

/** Compiled declarations: the files that a user's compiler reads. */
const types = join(import.meta.dirname, '..', 'src');
const root = join(import.meta.dirname, '..', '..');

/** One export of an entry point. */
export interface Exported {
  readonly name: string;
  /** Path of the declaring file below src/, without extension. */
  readonly module: string;
  /** Its doc comment without stars; empty if it has none. */
  readonly doc: string;
  /** Its declaration, with the comments of its members. */
  readonly code: string;
}

export interface EntryPoint {
  /** `hawser/client`. */
  readonly name: string;
  readonly doc: string;
  /** Sorted by name. */
  readonly exports: readonly Exported[];
}

const STATEMENT = /^(?:\/\*\*|export|declare|import|type|interface|\/\/#)/;

/** The statements of a declaration file. The compiler puts each statement and its comment in the first column. */
function statements(text: string): { readonly doc: string; readonly code: string }[] {
  const found: { doc: string; code: string }[] = [];
  let doc = '';
  let lines: string[] = [];
  const end = (): void => {
    const block = lines.join('\n').trim();
    if (block.startsWith('/**')) doc = block;
    else if (block !== '') {
      found.push({ doc: plainDoc(doc), code: block });
      doc = '';
    }
    lines = [];
  };
  for (const line of text.split('\n')) {
    if (STATEMENT.test(line)) end();
    lines.push(line);
  }
  end();
  return found;
}

const plainDoc = (comment: string): string =>
  comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();

const read = (module: string): string => readFileSync(join(types, `${module}.d.ts`), 'utf8');
const nameOf = (code: string): string | undefined =>
  /^export (?:declare )?(?:abstract )?(?:class|interface|type|const|function|namespace) (\w+)/.exec(
    code,
  )?.[1];

/** Everything that a module declares and exports, or re-exports. */
function exportsOf(module: string): Map<string, Exported> {
  const found = new Map<string, Exported>();
  for (const { doc, code } of statements(read(module))) {
    const name = nameOf(code);
    if (name !== undefined) {
      // An overloaded function is one name.
      const before = found.get(name);
      found.set(
        name,
        before === undefined ? { name, module, doc, code } : { ...before, code: `${before.code}\n${code}` },
      );
      continue;
    }
    const passed = /^export (?:type )?(?:\{([^}]*)\}|(\*)) from '([^']+)'/.exec(code);
    if (passed === null) continue;
    const [, list, all, from] = passed;
    const others = exportsOf(join(dirname(module), from!.replace(/\.[jt]s$/, '')).replaceAll('\\', '/'));
    const names =
      all === undefined
        ? list!.split(',').map((item) => item.trim().replace(/^type /, ''))
        : [...others.keys()];
    // A second name, such as `default`, is no other export.
    for (const item of names.filter((text) => text !== '' && !text.includes(' as '))) {
      const other = others.get(item);
      if (other === undefined) throw new Error(`${module} exports ${item}, which ${from} does not declare`);
      found.set(item, other);
    }
  }
  return found;
}

/** Every entry point in `exports` of package.json, with its exports. */
export function entryPoints(): EntryPoint[] {
  const { name: packageName, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, string | { readonly require: { readonly types: string } }>>;
  };
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const [, declared = ''] = /^\.\/build\/package\/types\/(.*)\.d\.ts$/.exec(target.require.types) ?? [];
    const module = declared.replace(/commonjs$/, 'index');
    const first = /^\/\*\*[^]*?\*\//.exec(read(module))?.[0] ?? '';
    const list = [...exportsOf(module).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return [{ name: packageName + path.slice(1), doc: plainDoc(first), exports: list }];
  });
}

const withoutComments = (code: string): string => code.replace(/^\s*\/\*\*[^]*?\*\/\n/gm, '');

/**
 * Everything that a change could break for a user, as text: exported names of each entry point, declarations without comments
 * (including events, error codes and option types), and defaults. A test compares it with a committed copy.
 */
export function apiSurface(): string {
  const all = entryPoints();
  const declared = new Map(
    all.flatMap((entry) => entry.exports.map((one) => [`${one.module} ${one.name}`, one])),
  );
  const defaults = { DEFAULT_SERVER_OPTIONS, DEFAULT_CONNECT_OPTIONS, DEFAULT_RECONNECT_OPTIONS };
  return [
    ...all.flatMap(({ name, exports }) => [`# ${name}`, ...exports.map((one) => one.name), '']),
    '# Defaults',
    ...Object.entries(defaults).map(([name, values]) => `${name} ${JSON.stringify(values, shown, 2)}`),
    '',
    '# Declarations',
    ...[...declared.keys()].sort().map((key) => withoutComments(declared.get(key)!.code)),
    '',
  ].join('\n');
}

/** Replaces values that JSON omits, and objects of the platform. */
const shown = (key: string, value: unknown): unknown => {
  if (value === undefined) return 'undefined';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null && ['clock', 'random', 'memoryBudget'].includes(key)
    ? "the platform's"
    : value;
};
