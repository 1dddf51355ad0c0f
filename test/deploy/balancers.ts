import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  HAPROXY,
  NGINX,
  nginxConfig,
  type ProxyProgram,
  recipe,
  replaced,
  startProxy,
} from '../interop/proxy-run.ts';

export const ROOT = join(import.meta.dirname, '..', '..', '..');
export const EXAMPLE = join(ROOT, 'examples', 'cluster');

export interface Balancer extends ProxyProgram {
  /** Its configuration for two nodes. */
  readonly config: (port: number, nodes: readonly [number, number], folder: string) => string;
}

/** The recipe of docs/proxies.md without TLS, with the changes of docs/deploying.md. */
function nginxRecipe(port: number, nodes: readonly [number, number]): string {
  const [upstream = '', location = ''] = recipe('deploying.md', 'nginx').split(
    '# In location / of the recipe:\n',
  );
  return replaced(recipe('proxies.md', 'nginx'), [
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
    ...HAPROXY,
    config: (port, nodes) =>
      replaced(readFileSync(join(EXAMPLE, 'haproxy.cfg'), 'utf8'), [
        ['bind :8080', `bind 127.0.0.1:${port}`],
        ['node-1:8080', `127.0.0.1:${nodes[0]}`],
        ['node-2:8080', `127.0.0.1:${nodes[1]}`],
        ['inter 1s', 'inter 100ms'],
      ]),
  },
  {
    ...NGINX,
    config: (port, nodes, folder) => nginxConfig(folder, nginxRecipe(port, nodes)),
  },
];

/** Starts a balancer for two nodes; it ends with the test. @returns Its port. */
export const balance = (
  t: TestContext,
  { config, ...program }: Balancer,
  nodes: readonly [number, number],
): Promise<number> => startProxy(t, program, (port, folder) => config(port, nodes, folder));
