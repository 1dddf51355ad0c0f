import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = join(import.meta.dirname, '..', '..', 'src');
/** Matches a public member of a class, in the formatting of the sources. */
const MEMBER = /^ {2}(?:(?:readonly|get|set|static|async|override) )*([a-z]\w*)(?:[!?]?:| =|[(<])/gm;

/** Properties that applications often assign to sockets, and names that a library may use internally. */
const USUAL = [
  'isAlive',
  'user',
  'username',
  'userId',
  'room',
  'rooms',
  'lobby',
  'place',
  'id2',
  'topics2',
  'session',
  'token',
  'name',
  'index',
  'timer',
  'onmessage',
  'onclose',
  'onerror',
  'readyState',
  'socket',
  'request',
  'server',
  'options',
  'host',
  'settings',
  'core',
  'link',
  'driver',
  'received',
  'flushed',
  'dispatch',
  'listenersChanged',
  'ownListeners',
  'topicSet',
  'sendPrepared',
  'closeFor',
  'terminateFor',
  'changed',
] as const;

/** The names of all public members of all classes of the library. */
function namesOfTheLibrary(): Set<string> {
  const names = new Set<string>();
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.startsWith('cli') || file.startsWith('testing')) continue;
    for (const [, name] of readFileSync(join(SOURCES, file), 'utf8').matchAll(MEMBER)) names.add(name!);
  }
  return names;
}

/** Names that `target` or its prototype chain declares. */
function declaredOn(target: object): Set<string> {
  const names = new Set<string>();
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return names;
}

/**
 * Assigns properties as an application could: every member name of any class of the library and every usual name, except names
 * that `target` declares.
 * @returns How many names were assigned.
 */
export function assignForeign(target: object): number {
  const declared = declaredOn(target);
  const names = [...new Set([...namesOfTheLibrary(), ...USUAL])].filter((name) => !declared.has(name));
  const values = [0, 'lobby', null, true, () => assertNever(), { id: 'other' }];
  for (const [at, name] of names.entries()) {
    (target as Record<string, unknown>)[name] = values[at % values.length];
  }
  return names.length;
}

function assertNever(): never {
  throw new Error('the library called a function that the application assigned');
}
