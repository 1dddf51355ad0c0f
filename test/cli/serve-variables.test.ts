import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeServerOptions, type OptionDescription, WebSocketServer } from '../../src/index.ts';
import { printed, run } from './config-run.ts';

const variableOf = (path: string): string =>
  `HAWSER_${path
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`;

/** A valid text for a variable of each kind. */
const TEXTS: Readonly<Record<string, string>> = {
  boolean: 'true',
  path: '/x',
  budget: '1000000',
  levels: '0.4,0.5',
  text: 'x',
  secret: 'a-secret-of-some-length',
  endpoint: '/x',
  token: 'a, b',
  origin: 'https://a.example,https://b.example',
  host: 'a.example',
  address: '10.0.0.1,10.0.0.2',
};

test('CF-04 CM-04: each option that a flag can set has a variable of the same name', async (t) => {
  const has = async (
    path: string,
    kind: string,
    rule: { readonly [key: string]: unknown },
  ): Promise<void> => {
    const name = variableOf(path);
    const value =
      TEXTS[kind === 'list' ? (rule['members'] as string) : kind] ??
      (kind === 'enum' ? (rule['values'] as string[])[0] : String(rule['default'] || rule['min']));
    const { code, err, out } = await run(t, {
      variables: {
        ...(path.startsWith('admin.')
          ? { HAWSER_ADMIN_PORT: '1', HAWSER_ADMIN_TOKEN: 'a-secret-of-some-length' }
          : {}),
        ...(path.startsWith('rateLimit.')
          ? { HAWSER_RATE_LIMIT_MESSAGES_PER_SECOND: '9', HAWSER_RATE_LIMIT_BYTES_PER_SECOND: '9' }
          : {}),
        ...(path.startsWith('violationLimit.') ? { HAWSER_VIOLATION_LIMIT_PER_MINUTE: '9' } : {}),
        [name]: value!,
      },
      flags: ['--print-config'],
    });
    assert.equal(code, 0, `${name}: ${err.join('\n')}`);
    let shown = JSON.parse(out) as unknown;
    for (const member of path.split('.')) shown = Reflect.get(shown as object, member);
    assert.notEqual(shown, undefined, name);
  };
  const all = async (options: Readonly<Record<string, OptionDescription>>, prefix: string): Promise<void> => {
    for (const [name, rule] of Object.entries(options)) {
      const path = prefix + name;
      if (
        ['function', 'object', 'tls', 'history', 'presence'].includes(rule.kind) ||
        path === 'requireEngine'
      )
        continue;
      if (rule.kind === 'group') await all(rule.options ?? {}, `${path}.`);
      else await has(path, rule.kind, { ...rule });
    }
  };
  await all(describeServerOptions(), '');
});

/** Groups, also groups inside groups, by path. */
const groupsIn = (options: Readonly<Record<string, OptionDescription>>, prefix = ''): string[] =>
  Object.entries(options).flatMap(([name, { kind, options: members = {} }]) =>
    kind === 'group' ? [prefix + name, ...groupsIn(members, `${prefix}${name}.`)] : [],
  );
/** `{ loadControl: { breaker: value } }` for `loadControl.breaker`. */
const nested = (path: string, value: unknown): object =>
  path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;

function isAccepted(options: object): boolean {
  try {
    return new WebSocketServer(options) instanceof WebSocketServer;
  } catch {
    return false;
  }
}

for (const path of groupsIn(describeServerOptions())) {
  test(`CF-04 CF-01: the file and the variable of ${path} accept true and false where the API does`, async (t) => {
    for (const value of [true, false]) {
      const options = nested(path, value);
      const code = isAccepted(options) ? 0 : 2;
      const inFile = await run(t, { file: options, flags: ['--print-config'] });
      assert.equal(inFile.code, code, `${path}: ${value}`);
      const variables = { [variableOf(path)]: String(value) };
      const inVariable = await run(t, { variables, flags: ['--print-config'] });
      assert.equal(inVariable.code, code, `${variableOf(path)}=${value}`);
    }
  });
}

test('CF-04: variables of other programs, and those of Kubernetes for a service called hawser, set nothing', async (t) => {
  const variables = {
    HAWSER_SERVICE_HOST: '10.0.0.1',
    HAWSER_SERVICE_PORT_HTTP: '8080',
    HAWSER_PORT: 'tcp://10.0.0.1:8080',
    HAWSER_PORT_8080_TCP_ADDR: '10.0.0.1',
    HAWSER_ADMIN_PORT: 'tcp://10.0.0.1:9090',
    HAWSER_REQUIRE_PEERS: '1',
    HAWSER_WORKER: 'x',
    PATH: '/bin',
  };
  assert.deepEqual(await printed(t, { variables }), {});
});
