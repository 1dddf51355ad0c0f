import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { accepts, freePort } from '../interop/free-port.ts';
import { type Found, haproxy, nginx } from '../interop/peers.ts';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
export const EXAMPLE = join(ROOT, 'examples', 'cluster');

/** Replaces text. @throws If the text is not there. */
export function replaced(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((all, [what, by]) => {
    assert.ok(all.includes(what), `there is no ${what}`);
    return all.replaceAll(what, by);
  }, text);
}

/** The block of a page with a language, the first one. */
function block(page: string, language: string): string {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  return (
    new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(text)?.[1] ?? assert.fail(`${page}: ${language}`)
  );
}

export interface Balancer {
  readonly name: string;
  readonly found: Found<string>;
  readonly args: (folder: string) => readonly string[];
  /** Its configuration for two nodes. */
  readonly config: (port: number, nodes: readonly [number, number], folder: string) => string;
}

/** The recipe of docs/proxies.md without TLS, with the changes of docs/deploying.md. */
function nginxRecipe(port: number, nodes: readonly [number, number]): string {
  const [upstream = '', location = ''] = block('deploying.md', 'nginx').split(
    '# In location / of the recipe:\n',
  );
  return replaced(block('proxies.md', 'nginx'), [
    [
      'upstream hawser {\n  server 127.0.0.1:8080;\n}\n',
      replaced(upstream, [
        ['node-1:8080', `127.0.0.1:${nodes[0]}`],
        ['node-2:8080', `127.0.0.1:${nodes[1]}`],
      ]),
    ],
    ['listen 443 ssl;', `listen 127.0.0.1:${port};`],
    ['  ssl_certificate     /etc/ssl/app.example/fullchain.pem;\n', ''],
    ['  ssl_certificate_key /etc/ssl/app.example/privkey.pem;\n', ''],
    ['    proxy_pass http://hawser;\n', `    proxy_pass http://hawser;\n${location}`],
  ]);
}

export const BALANCERS: readonly Balancer[] = [
  {
    name: 'HAProxy',
    found: haproxy,
    args: (folder) => ['-db', '-f', join(folder, 'balancer.conf')],
    config: (port, nodes) =>
      replaced(readFileSync(join(EXAMPLE, 'haproxy.cfg'), 'utf8'), [
        ['bind :8080', `bind 127.0.0.1:${port}`],
        ['node-1:8080', `127.0.0.1:${nodes[0]}`],
        ['node-2:8080', `127.0.0.1:${nodes[1]}`],
        ['inter 1s', 'inter 100ms'],
      ]),
  },
  {
    name: 'nginx',
    found: nginx,
    args: (folder) => ['-p', folder, '-c', join(folder, 'balancer.conf'), '-e', 'stderr'],
    config: (port, nodes, folder) =>
      `daemon off;
       pid ${folder}/pid;
       error_log stderr warn;
       worker_processes 1;
       events { worker_connections 64; }
       http {
         access_log off;
         client_body_temp_path ${folder}/body;
         proxy_temp_path ${folder}/proxy;
         fastcgi_temp_path ${folder}/fastcgi;
         uwsgi_temp_path ${folder}/uwsgi;
         scgi_temp_path ${folder}/scgi;
         ${nginxRecipe(port, nodes)}
       }`,
  },
];

/** Starts a balancer for two nodes; it ends with the test. @returns Its port. */
export async function balance(
  t: TestContext,
  { name, found, args, config }: Balancer,
  nodes: readonly [number, number],
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-balancer-'));
  let child: ChildProcess | undefined;
  t.after(async () => {
    if (child !== undefined && child.exitCode === null) {
      // SIGTERM, not SIGKILL: a killed nginx leaves its worker running.
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  // Another program may take the port before the balancer does.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    writeFileSync(join(folder, 'balancer.conf'), config(port, nodes, folder));
    const started = spawn(found.peer!, args(folder), { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    started.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
    while (started.exitCode === null) {
      if (await accepts(port)) return port;
      await turn();
    }
  }
  return assert.fail(`${name} does not start: ${said}`);
}
