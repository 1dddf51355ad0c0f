import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { WebSocketServer } from '../../src/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { promtool } from '../interop/peers.ts';
import { FENCES, ROOT } from './fences.ts';

const codeOf = (key: string): string =>
  FENCES.find((fence) => fence.key === key)?.code ?? assert.fail(`no block ${key}`);
const wordsOf = (list: string): string[] => list.split(',').map((word) => word.trim());

test('EX-03 the probes of the guide get 200 from a server with the endpoints of the guide', async (t) => {
  const server = new WebSocketServer({ endpoints: { health: '/healthz', ready: '/readyz' } });
  t.after(() => server.shutdown());
  const { port } = await server.listen(0, '127.0.0.1');
  const paths = [...codeOf('docs/admin.md: Kubernetes and balancers').matchAll(/path: (\/\w+)/g)];
  assert.equal(paths.length, 2);
  for (const [, path] of paths) {
    const { status } = await fetch(`http://127.0.0.1:${port}${path!}`, { headers: { connection: 'close' } });
    assert.equal(status, 200, path);
  }
});

test('EX-03 promtool accepts the configuration of the guide', { skip: promtool.skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, codeOf('docs/metrics.md: From nothing to a board in five minutes (2)'));
  copyFileSync(join(ROOT, 'docs', 'alerts.yml'), join(folder, 'alerts.yml'));
  const { status, stdout, stderr } = spawnSync(promtool.peer!, ['check', 'config', file], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test('EX-03 the Collector of the guide defines each component that its pipelines name', () => {
  const text = codeOf('docs/tracing.md: Traces in Jaeger or Tempo (3)');
  const defined = new Map<string, Set<string>>();
  let section = '';
  for (const line of text.split('\n')) {
    section = /^(\w+):$/.exec(line)?.[1] ?? section;
    const name = /^ {2}([\w/]+):/.exec(line)?.[1];
    if (name !== undefined) defined.set(section, (defined.get(section) ?? new Set()).add(name));
  }
  const uses = [...text.matchAll(/^ {6}(receivers|processors|exporters): \[(.+)\]$/gm)];
  assert.equal(uses.length, 6);
  for (const [, kind, names] of uses)
    for (const name of wordsOf(names!)) assert.ok(defined.get(kind!)?.has(name), `${kind}: ${name}`);
});

test('EX-03 the packages that the guide installs are those of the example', () => {
  const { dependencies } = JSON.parse(
    readFileSync(join(ROOT, 'examples', 'tracing', 'package.json'), 'utf8'),
  ) as { readonly dependencies: Readonly<Record<string, string>> };
  const named = codeOf('docs/tracing.md: Traces in Jaeger or Tempo').match(/@opentelemetry\/[\w-]+/g);
  for (const name of named ?? assert.fail('no package')) assert.ok(name in dependencies, name);
});

test('EX-03 CF-04: the file of the guide is examples/hawser.json, and --print-config prints it', async () => {
  const code = codeOf('docs/configuration.md: hawser serve: flags, variables, a file (2)');
  const path = join(ROOT, 'examples', 'hawser.json');
  assert.equal(code, readFileSync(path, 'utf8'));
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--config', path, '--print-config'], io, '0.0.0'), 0);
  const { host, ...printed } = JSON.parse(io.outLines.join('\n')) as Record<string, unknown>;
  assert.equal(host, '127.0.0.1');
  assert.deepEqual(printed, JSON.parse(code));
});
