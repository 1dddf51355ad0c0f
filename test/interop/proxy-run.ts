import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { accepts, freePort } from './free-port.ts';
import { type Found, haproxy, nginx } from './peers.ts';

const DOCS = join(import.meta.dirname, '..', '..', '..', 'docs');

/** The first code block of a page in docs/ with a language. */
export function recipe(page: string, language: string): string {
  const fence = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(
    readFileSync(join(DOCS, page), 'utf8'),
  );
  return fence?.[1] ?? assert.fail(`docs/${page} has no ${language}`);
}

/** Replaces text. @throws If the text is not there. */
export function replaced(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((all, [what, by]) => {
    assert.ok(all.includes(what), `there is no ${what}`);
    return all.replaceAll(what, by);
  }, text);
}

/** A program that runs in the foreground with a file of its folder. */
export interface ProxyProgram {
  readonly name: string;
  readonly found: Found<string>;
  readonly args: (folder: string) => readonly string[];
}

export const HAPROXY: ProxyProgram = {
  name: 'HAProxy',
  found: haproxy,
  args: (folder) => ['-db', '-f', join(folder, 'proxy.conf')],
};

export const NGINX: ProxyProgram = {
  name: 'nginx',
  found: nginx,
  args: (folder) => ['-p', folder, '-c', join(folder, 'proxy.conf'), '-e', 'stderr'],
};

/** A configuration of nginx that writes to one folder only. */
export const nginxConfig = (folder: string, http: string): string =>
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
     ${http}
   }`;

/**
 * Starts a proxy, which ends with the test.
 * @param config Its configuration for a port; files of `files` are in the folder.
 * @returns Its port.
 */
export async function startProxy(
  t: TestContext,
  { name, found, args }: ProxyProgram,
  config: (port: number, folder: string) => string,
  files: Readonly<Record<string, string>> = {},
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-proxy-'));
  let child: ChildProcess | undefined;
  t.after(async () => {
    if (child !== undefined && child.exitCode === null) {
      // SIGTERM, not SIGKILL: a killed nginx leaves its worker running.
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  let said = '';
  // Another program may take the port before the proxy does.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    writeFileSync(join(folder, 'proxy.conf'), config(port, folder));
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
