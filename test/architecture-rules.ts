import { posix } from 'node:path';
import { importsOf, stripSource } from './source-text.ts';

/** Sources by path below `src/`, with `/` between folders. */
export type Sources = ReadonlyMap<string, string>;

/** Which layers a layer may import, besides itself. Files right in `src/` are the layer `index`. */
export const LAYERS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['protocol', []],
  ['engine', ['protocol']],
  ['sockets', ['protocol', 'engine']],
  ['options', ['protocol', 'engine', 'sockets']],
  ['connection', ['protocol', 'engine', 'sockets', 'options']],
  ['server', ['protocol', 'engine', 'sockets', 'options', 'connection']],
  ['client', ['protocol', 'engine', 'sockets', 'options', 'connection']],
  ['cluster', ['protocol', 'engine', 'sockets', 'options', 'connection', 'server', 'client']],
  ['observe', ['protocol', 'engine', 'sockets', 'options', 'connection', 'server', 'client']],
  ['testing', ['protocol', 'engine', 'sockets', 'options', 'connection', 'server', 'client']],
  ['conform', ['protocol', 'engine', 'sockets', 'options', 'connection', 'client', 'testing', 'index']],
  ['load', ['protocol', 'engine', 'sockets', 'options', 'connection', 'client', 'index']],
  [
    'cli',
    [
      'protocol',
      'engine',
      'sockets',
      'options',
      'connection',
      'server',
      'client',
      'cluster',
      'observe',
      'testing',
      'conform',
      'load',
      'index',
    ],
  ],
  ['index', ['protocol', 'engine', 'sockets', 'options', 'connection', 'server', 'client']],
]);
/** Named by its interfaces: any layer above the protocol may import types from here. */
const BY_INTERFACE = 'observe';
/** What of Node the protocol may use: computation. */
const PURE_MODULES = new Set(['node:buffer', 'node:crypto']);
/** Names that stand for waiting, time or chance, which the protocol is handed as arguments. */
const IMPURE =
  /(?<![\w$.#])(?:set(?:Timeout|Interval|Immediate)|queueMicrotask|performance|Date|Math\s*\.\s*random|fetch|random(?:Bytes|Fill|FillSync|Int|UUID)|getRandomValues|webcrypto)\b/g;
/** Layers that have a clock handed to them: their timers are its timers. */
const CLOCKED = new Set(['connection', 'server', 'client']);
/** The only files that may touch the process, and which members of it. */
const PROCESS_USERS: ReadonlyMap<string, 'all' | readonly string[]> = new Map<
  string,
  'all' | readonly string[]
>([
  ['cli/main.ts', 'all'],
  ['testing/leak-check.ts', ['getActiveResourcesInfo']],
  // What would stay invisible without logger and listener.
  ['connection/warnings.ts', ['emitWarning']],
  // A place behind all microtasks and before the next read: nothing else has it.
  ['client/early-input.ts', ['nextTick']],
]);

/** Every breach of the design, one sentence each; empty if there is none. */
export function violations(sources: Sources): string[] {
  const found: string[] = [];
  for (const [file, source] of sources) {
    found.push(...importFaults(file, source, sources), ...globalFaults(file, source));
  }
  found.push(...cycles(sources).map((path) => `circular import: ${path.join(' -> ')}`));
  return found;
}

const layerOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : 'index');

function importFaults(file: string, source: string, sources: Sources): string[] {
  const layer = layerOf(file);
  const below = LAYERS.get(layer);
  if (below === undefined) return [`${file}: the layer ${layer}/ is not in the table of layers`];
  return importsOf(source).flatMap(({ specifier, typeOnly }) => {
    const fault = (why: string) => [`${file} imports ${specifier}: ${why}`];
    if (specifier === '?') return fault('an import must name its module, or nothing can check it');
    if (!specifier.startsWith('.')) return moduleFault(file, layer, specifier).flatMap(fault);
    const target = targetOf(file, specifier);
    if (!specifier.endsWith('.ts'))
      return fault('a file of ours is imported by its whole name, ending in .ts');
    if (!sources.has(target)) return fault('there is no such file in src/');
    const other = layerOf(target);
    if (other === layer || below.includes(other)) return [];
    if (other === BY_INTERFACE && layer !== 'protocol') {
      if (typeOnly) return [];
      return fault(`${BY_INTERFACE}/ is named by interface only: use \`import type\``);
    }
    return fault(`${layer} must not know ${other}; it may import ${below.join(', ') || 'itself only'}`);
  });
}

function moduleFault(file: string, layer: string, specifier: string): string[] {
  const bare = specifier.replace(/^node:/, '');
  if (bare === 'process' && !PROCESS_USERS.has(file)) return ['only cli/main.ts touches the process'];
  if (bare === 'console') return ['nothing in src/ writes to the console'];
  if (!specifier.startsWith('node:'))
    return ['the library has no dependencies; modules of Node are named node:…'];
  if (layer === 'protocol' && !PURE_MODULES.has(specifier)) {
    return [`the protocol computes, with ${[...PURE_MODULES].join(' and ')} alone`];
  }
  return [];
}

function globalFaults(file: string, source: string): string[] {
  const { code, literals } = stripSource(source);
  const names = code.replace(
    /(\bglobalThis)\s*(?:\?\.)?\s*\[\s*"(\d+)"\s*\]/g,
    (_, object: string, index: string) => {
      return `${object}.${literals[Number(index)]!}`;
    },
  );
  const found: string[] = [];
  if (uses(names, 'console')) found.push(`${file} uses console: nothing in src/ writes to the console`);
  const allowed = PROCESS_USERS.get(file);
  if (allowed !== 'all') {
    // What is left after the import and the permitted members are taken away is one use too many.
    const rest = (allowed ?? []).reduce(
      (text, member) => text.replace(new RegExp(String.raw`(?<![\w$.#])process\.${member}\b`, 'g'), ''),
      allowed === undefined ? names : names.replace(/\bimport\s+process\s+from\b/, ''),
    );
    const but = allowed === undefined ? '' : ` beyond ${allowed.join(', ')}`;
    if (uses(rest, 'process')) found.push(`${file} uses process${but}: only cli/main.ts touches the process`);
  }
  if (CLOCKED.has(layerOf(file))) {
    for (const name of ['setTimeout', 'setInterval']) {
      if (uses(names, name)) found.push(`${file} uses ${name}: timers are those of the clock it was given`);
    }
  }
  if (layerOf(file) === 'protocol') {
    for (const [name] of names.matchAll(IMPURE)) {
      found.push(`${file} uses ${name}: the protocol has no time and no chance of its own`);
    }
  }
  return found;
}

/** Whether `code` uses the global `name`: not a member or a key of that name, unless of `globalThis`. */
function uses(code: string, name: string): boolean {
  const free = String.raw`(?<![\w$#]|(?<!\.\.)\.\s*)${name}\b(?!\s*\??:(?!:))`;
  return new RegExp(String.raw`${free}|\?\s*${name}\s*:|\bglobalThis\s*(?:\?\.|\.)\s*${name}\b`).test(code);
}

const targetOf = (file: string, specifier: string): string => posix.join(posix.dirname(file), specifier);

/** Circles of imports, as the files along them: one at least where there are any. Types count: a reader follows them, too. */
function cycles(sources: Sources): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const from = path.indexOf(file);
    if (from >= 0) {
      found.push([...path.slice(from), file]);
      return;
    }
    if (done.has(file)) return;
    for (const { specifier } of importsOf(sources.get(file) ?? '')) {
      if (specifier.startsWith('.')) visit(targetOf(file, specifier), [...path, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}
