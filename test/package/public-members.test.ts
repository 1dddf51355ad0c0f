import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { MemoryBudget, ReconnectingClient, WebSocketServer } from '../../src/index.ts';
import { pair } from '../../src/testing/index.ts';
import { entryPoints, type Exported } from '../../tools/api-surface.ts';

/** The members that the published types of a class declare. */
function declaredBy({ code }: Exported): Set<string> {
  const members = new Set<string>();
  const body = code.replaceAll(/\/\*\*[^]*?\*\//g, '');
  for (const [, name] of body.matchAll(
    /^ {4}(?:(?:readonly|get|set|static|declare|override) )*([\w$]+|\[Symbol\.\w+\])[?!]?\s*[(:<;]/gm,
  )) {
    if (name !== 'constructor') members.add(name!);
  }
  return members;
}

/**
 * Setters that warn about handler properties of other libraries, such as `onmessage`. They are not members, and not in
 * the types.
 */
const isHandlerHint = (key: string | symbol): boolean => typeof key === 'string' && /^on[a-z]+$/.test(key);

// Node 20 has another name for the symbol of `await using`.
const shown = (key: string | symbol): string =>
  typeof key === 'symbol' ? `[${key.description!.replace('nodejs.', 'Symbol.')}]` : key;

/** The members that an object has at run time: its own and those of its class. */
function membersOf(object: object): Set<string> {
  const members = new Set<string>();
  const own = Reflect.ownKeys(object).filter((key) => !Reflect.has(new EventEmitter(), key));
  const prototype = Reflect.ownKeys(Object.getPrototypeOf(object) as object);
  for (const key of [...own, ...prototype])
    if (key !== 'constructor' && !isHandlerHint(key)) members.add(shown(key));
  return members;
}

const exported: ReadonlyMap<string, Exported> = new Map<string, Exported>(
  entryPoints().flatMap((entry) =>
    entry.exports.map((each) => [`${entry.name} ${each.name}`, each] as const),
  ),
);
const declared = (name: string): string[] => [...declaredBy(exported.get(name)!)].sort();

test('GN-16 Connection, WebSocketServer, ReconnectingClient and MemoryBudget have the declared members and no others', async () => {
  await using joined = await pair();
  const client = new ReconnectingClient('ws://127.0.0.1:9/');
  client.close();
  await client.closed;
  for (const [name, object] of [
    ['hawser Connection', joined.server],
    ['hawser/client Connection', joined.client],
    ['hawser WebSocketServer', new WebSocketServer()],
    ['hawser/client ReconnectingClient', client],
    ['hawser MemoryBudget', new MemoryBudget()],
  ] as const) {
    assert.deepEqual([...membersOf(object)].sort(), declared(name), name);
    assert.ok(declared(name).length > 2, name);
  }
});

test('GN-16 the base class of emitters adds no member to those of EventEmitter', () => {
  const base = Object.getPrototypeOf(ReconnectingClient.prototype) as object;
  assert.ok(Object.hasOwn(base, 'on'));
  // Between the server and that class is TopicServer, whose members are public.
  const half = Object.getPrototypeOf(WebSocketServer.prototype) as object;
  assert.equal(Object.getPrototypeOf(half), base);
  const members = Reflect.ownKeys(half).filter((key) => key !== 'constructor');
  assert.deepEqual(members.map(shown).sort(), declared('hawser TopicServer'));
  const nodes = new Set(Reflect.ownKeys(EventEmitter.prototype));
  assert.deepEqual(
    Reflect.ownKeys(base).filter((key) => !nodes.has(key)),
    [],
  );
});

test('GN-16 a member that the types call readonly cannot be assigned', async () => {
  await using joined = await pair();
  const client = new ReconnectingClient('ws://127.0.0.1:9/');
  client.close();
  for (const [name, object, writable] of [
    ['hawser Connection', joined.server, ['data', 'expiresAt', 'priority']],
    ['hawser WebSocketServer', joined.webSocketServer, []],
    ['hawser ReconnectingClient', client, []],
    ['hawser MemoryBudget', new MemoryBudget(), []],
  ] as const) {
    const prototype = Object.getPrototypeOf(object) as object;
    for (const member of declared(name)) {
      const own = Object.getOwnPropertyDescriptor(object, member);
      const inherited = Object.getOwnPropertyDescriptor(prototype, member);
      const isMethod = typeof inherited?.value === 'function' || member.startsWith('[');
      if (isMethod) continue;
      const isWritable = own !== undefined || inherited?.set !== undefined;
      assert.equal(isWritable, (writable as readonly string[]).includes(member), `${name} ${member}`);
    }
  }
  await client.closed;
});

test('GN-16 no exported class has a method or accessor that its types do not declare', async () => {
  let classes = 0;
  for (const entry of entryPoints()) {
    const module = (await import(entry.name)) as Record<string, unknown>;
    for (const each of entry.exports) {
      if (!each.code.startsWith('export declare class')) continue;
      classes++;
      const { prototype } = module[each.name] as { readonly prototype: object };
      const names = declaredBy(each);
      assert.deepEqual(
        Reflect.ownKeys(prototype)
          .filter((key) => key !== 'constructor' && !isHandlerHint(key) && !names.has(shown(key)))
          // Streams are implemented by overriding methods of Node's class.
          .filter((key) => !(typeof key === 'string' && /^_(?:read|write|writev|final|destroy)$/.test(key)))
          // Packages that depend on ws use members that @types/ws does not declare.
          .filter(
            (key) =>
              entry.name !== 'hawser/ws' ||
              !/^(?:_|setSocket$|completeUpgrade$|Symbol\(hawser\.ws)/.test(String(key)),
          ),
        [],
        `${entry.name} ${each.name}`,
      );
    }
  }
  assert.ok(classes > 10);
});
