import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { ReconnectingClient, type StandardSchema, WebSocketServer } from '../../src/index.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'test', 'cluster');

interface Order {
  readonly sku: number;
  readonly count: number;
}
/** A schema that adds `count: 1` if it is missing, and one whose check is a promise. */
interface Schemas {
  readonly order: StandardSchema<Order>;
  readonly known: StandardSchema<string>;
}
interface Zod {
  object(fields: object): StandardSchema<Order>;
  number(): { int(): { default(value: number): object } };
  string(): { refine(check: (value: string) => Promise<boolean>, says: string): StandardSchema<string> };
}
interface Valibot {
  object(fields: object): StandardSchema<Order>;
  number(): object;
  string(): object;
  optional(schema: object, value: unknown): object;
  pipe(...parts: object[]): object;
  integer(): object;
  pipeAsync(...parts: object[]): StandardSchema<string>;
  checkAsync(check: (value: string) => Promise<boolean>, says: string): object;
}

const isKnown = async (value: string): Promise<boolean> => Promise.resolve(value === 'Anna');
const LIBRARIES: Readonly<Record<string, (library: never) => Schemas>> = {
  zod: (z: Zod) => ({
    order: z.object({ sku: z.number().int(), count: z.number().int().default(1) }),
    known: z.string().refine(isKnown, 'not known'),
  }),
  valibot: (v: Valibot) => ({
    order: v.object({
      sku: v.pipe(v.number(), v.integer()),
      count: v.optional(v.pipe(v.number(), v.integer()), 1),
    }),
    known: v.pipeAsync(v.string(), v.checkAsync(isKnown, 'not known')),
  }),
};
/** The schemas of a library, or why there are none. */
function schemasOf(name: string): { readonly schemas?: Schemas; readonly skip: string | false } {
  try {
    const library: unknown = createRequire(join(FOLDER, 'package.json'))(name);
    return { schemas: LIBRARIES[name]!(library as never), skip: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return { skip: `needs the package ${name}: npm ci --prefix test/cluster` };
  }
}

async function connected(t: TestContext) {
  const server = new WebSocketServer({ protocols: ['hawser.v1'] });
  const { port } = await server.listen(0, '127.0.0.1');
  const client = new ReconnectingClient(`ws://127.0.0.1:${port}/`, { protocols: ['hawser.v1'] });
  t.after(async () => {
    client.close();
    await client.closed;
    await server.shutdown({ timeoutMs: 1_000 });
  });
  return { server, client };
}

for (const name of Object.keys(LIBRARIES)) {
  const { schemas, skip } = schemasOf(name);

  test(`HI-09: the server validates requests with ${name}, and its handler gets the parsed value`, {
    skip,
  }, async (t) => {
    const { server, client } = await connected(t);
    const got: Order[] = [];
    server.handle(
      'buy',
      (_, order) => {
        got.push(order);
        return order.count;
      },
      { schema: schemas!.order },
    );
    server.handle('greet', (_, who) => `Hello ${who}`, { schema: schemas!.known });
    assert.equal(await client.request('buy', { sku: 4_711 }), 1);
    assert.equal(await client.request('buy', { sku: 4_711, count: 3 }), 3);
    assert.deepEqual(got, [
      { sku: 4_711, count: 1 },
      { sku: 4_711, count: 3 },
    ]);
    for (const wrong of [{ sku: '4711' }, { sku: 1.5 }, {}, null, undefined])
      await assert.rejects(client.request('buy', wrong), { code: 'invalid', outcome: 'not-sent' });
    await assert.rejects(client.request('buy', { sku: '4711' }), { message: /sku/ });
    assert.equal(got.length, 2, 'an invalid request does not reach the handler');
    assert.equal(await client.request('greet', 'Anna'), 'Hello Anna');
    await assert.rejects(client.request('greet', 'Bob'), { code: 'invalid', message: /not known/ });
  });

  test(`HI-09: the client validates requests of the server with ${name}`, { skip }, async (t) => {
    const { server, client } = await connected(t);
    client.handle('sum', ({ sku, count }) => sku + count, { schema: schemas!.order });
    await client.request('ready').catch(() => {});
    const [connection] = server.connections;
    assert.equal(await connection!.request('sum', { sku: 4 }), 5);
    await assert.rejects(connection!.request('sum', { sku: 'four' }), { code: 'invalid', message: /sku/ });
  });

  test(`HI-09 GN-13: the types of ${name} give the handler its argument`, { skip }, () => {
    const folder = mkdtempSync(join(ROOT, 'build', 'typed-schemas-'));
    const schema =
      name === 'zod'
        ? `import * as z from 'zod'; const schema = z.object({ sku: z.number(), count: z.number().default(1) });`
        : `import * as v from 'valibot'; const schema = v.object({ sku: v.number(), count: v.optional(v.number(), 1) });`;
    const program = `
      import { ReconnectingClient, WebSocketServer } from 'hawser';
      ${schema}
      new WebSocketServer().handle('buy', (connection, order) => order.sku + order.count, { schema });
      new ReconnectingClient('ws://localhost/').handle('buy', (order) => order.sku + order.count, { schema });
      // @ts-expect-error the schema has no such field
      new WebSocketServer().handle('buy', (connection, order) => order.price, { schema });`;
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      noEmit: true,
      target: 'es2022',
      module: 'esnext',
      moduleResolution: 'bundler',
      types: ['node'],
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      paths: {
        [name]: [join(FOLDER, 'node_modules', name)],
        hawser: [join(ROOT, 'build', 'package', 'index.d.ts')],
      },
    };
    try {
      writeFileSync(join(folder, 'program.mts'), program);
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['program.mts'] }),
      );
      const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
      assert.equal(status, 0, stdout);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
