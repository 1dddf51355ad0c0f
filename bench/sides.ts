import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Cell, Endpoint } from './cells.ts';

/** The source folder of the benchmark, with the installed rivals. This file runs from `build/bench`. */
export const BENCH = join(import.meta.dirname, '..', '..', 'bench');

/** One of the compared servers. */
export interface Side {
  readonly id: string;
  /** Name in tables. */
  readonly title: string;
  /**
   * - `ours`: Hawser with defaults, which is judged.
   * - `rival`: a server to compare with.
   * - `limit`: a server that does less than WebSocket needs, as an upper bound.
   * - `variant`, `streams`: Hawser with other options.
   * - `hawser/ws`: Hawser with the interface of `ws`, running the program of `ws`.
   * - `text`: the other form of text: Hawser takes bytes, `ws` decodes.
   * - `earlier`: another build of Hawser, with `--against`.
   */
  readonly role: 'ours' | 'rival' | 'limit' | 'variant' | 'streams' | 'hawser/ws' | 'text' | 'earlier';
  readonly endpoints: readonly Endpoint[];
  /** Whether it echoes raw bytes, still masked, and parses no frames after the handshake. */
  readonly verbatim: boolean;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const ALL: readonly Endpoint[] = ['echo', 'relay', 'tls', 'deflateEcho', 'deflateRelay'];
const script = (name: string): string => join(import.meta.dirname, 'servers', `${name}.js`);
const node = (name: string, ...args: string[]): readonly string[] => [
  process.execPath,
  '--expose-gc',
  script(name),
  ...args,
];

export const HAWSER: Side = {
  id: 'hawser',
  title: 'Hawser',
  role: 'ours',
  endpoints: ALL,
  verbatim: false,
  command: node('hawser'),
  env: {},
};
const EVERYTHING: Side = {
  ...HAWSER,
  id: 'hawser-everything',
  title: 'Hawser, everything on',
  role: 'variant',
  endpoints: ['echo'],
  command: node('hawser', '--everything'),
};
/** Hawser over Node's streams, which other runtimes and sockets without a usable handle get. */
const STREAMS: Side = {
  ...HAWSER,
  id: 'hawser-stream',
  title: 'Hawser over streams',
  role: 'streams',
  endpoints: ['echo', 'relay'],
  command: node('hawser', '--stream'),
};
/** Handlers get text as bytes, as those of `ws` do. */
const BYTES: Side = {
  ...HAWSER,
  id: 'hawser-bytes',
  title: 'Hawser, text as bytes',
  role: 'text',
  endpoints: ['echo'],
  command: node('hawser', '--bytes'),
};
const WS: Side = {
  id: 'ws',
  title: 'ws',
  role: 'rival',
  endpoints: ALL,
  verbatim: false,
  command: node('ws'),
  env: { WS_NO_BUFFER_UTIL: '1' },
};
const WS_NATIVE: Side = { ...WS, id: 'ws-bufferutil', title: 'ws with bufferutil', env: {} };
/** The program of `ws`, with `hawser/ws` in its place. */
const HAWSER_WS: Side = {
  ...WS,
  id: 'hawser-ws',
  title: 'hawser/ws',
  role: 'hawser/ws',
  endpoints: ['echo', 'relay'],
  command: node('ws', '--hawser'),
  env: {},
};
/** `ws` with a handler that decodes text. Handlers of `ws` get bytes; handlers of Hawser get a string. */
const WS_TEXT: Side = {
  ...WS_NATIVE,
  id: 'ws-text',
  title: 'ws with bufferutil, text as a string',
  role: 'text',
  endpoints: ['echo'],
  command: node('ws', '--text'),
};
const NET: Side = {
  id: 'net',
  title: 'bare net',
  role: 'limit',
  endpoints: ['echo'],
  verbatim: true,
  command: node('net'),
  env: {},
};

const bunBinary = join(BENCH, 'bun', 'node_modules', 'bun', 'bin', 'bun.exe');
const BUN: Side = {
  id: 'bun',
  title: 'Bun',
  role: 'limit',
  endpoints: ['echo', 'relay'],
  verbatim: false,
  command: [bunBinary, '--no-install', join(BENCH, 'bun', 'server.js')],
  env: {},
};

/**
 * The sides that can be measured on this machine.
 * @throws Error if a rival is not installed.
 */
export function installedSides(withBun: boolean): Side[] {
  if (!existsSync(join(BENCH, 'node_modules', 'ws'))) throw new Error('ws is missing: npm ci --prefix bench');
  if (withBun && !existsSync(bunBinary)) throw new Error('Bun is missing: npm ci --prefix bench/bun');
  const native = existsSync(join(BENCH, 'node_modules', 'bufferutil')) ? [WS_NATIVE, WS_TEXT] : [];
  return [HAWSER, STREAMS, BYTES, WS, ...native, HAWSER_WS, NET, EVERYTHING, ...(withBun ? [BUN] : [])];
}

/**
 * Hawser and another build of it, served by the same program.
 * @param folder A checkout in which `npm run build` has run.
 * @throws Error if the folder holds no build.
 */
export function buildsOf(folder: string): Side[] {
  const library = join(resolve(folder), 'build', 'package', 'index.js');
  if (!existsSync(library)) throw new Error(`${library} is missing: npm ci && npm run build in ${folder}`);
  const earlier: Side = {
    ...HAWSER,
    id: 'earlier',
    title: `Hawser of ${folder}`,
    role: 'earlier',
    command: node('hawser', `--library=${library}`),
  };
  return [HAWSER, earlier];
}

/** The sides on which a cell is measured. */
export function sidesOf(cell: Cell, sides: readonly Side[]): Side[] {
  return sides.filter(({ role, endpoints }) => {
    if (!endpoints.includes(cell.endpoint)) return false;
    if (role === 'limit') return cell.contest === 'rivals and limits' || cell.group === 'Fan-out';
    if (role === 'streams')
      return cell.contest === 'rivals and limits' || (cell.group === 'Fan-out' && cell.connections === 1_000);
    if (role === 'hawser/ws') return cell.contest === 'hawser/ws';
    if (role === 'earlier') return cell.contest !== 'hawser/ws' && cell.contest !== 'with everything on';
    if (role === 'text') return cell.group === 'Echo of text';
    if (role === 'variant') return cell.contest === 'with everything on';
    return role === 'ours' || cell.contest !== 'with everything on';
  });
}

export const versionOf = (packageFolder: string): string =>
  (JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { readonly version: string })
    .version;
