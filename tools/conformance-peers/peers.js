// The peers that record.js tests with `hawser conform`: how to start each one, and how to find its version.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const here = (/** @type {string[]} */ ...path) => join(import.meta.dirname, ...path);
const runtime = (/** @type {string[]} */ ...path) => here('..', 'runtimes', 'node_modules', ...path);
const temporary = mkdtempSync(join(tmpdir(), 'hawser-peers-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true, maxRetries: 3 }));

const says = (/** @type {string} */ file, /** @type {string[]} */ ...argv) =>
  execFileSync(file, argv, { encoding: 'utf8' }).trim();
const manifest = (/** @type {string} */ path) => JSON.parse(readFileSync(path, 'utf8')).version;
const npm = (/** @type {string} */ name) => manifest(here('node_modules', name, 'package.json'));
const debian = (/** @type {string} */ name) =>
  says('dpkg-query', '-W', '-f', '${Version}', name).replace(/^\d+:|[-+].*$/g, '');
const python = (/** @type {string} */ name) => debian(`python3-${name}`);
const numbers = (/** @type {string} */ text) => /\d+(?:\.\d+)+/.exec(text)?.[0];

/** Builds peer.go. @returns The path of the program. */
function goPeer() {
  const program = join(temporary, 'peer');
  // Debian installs the libraries as sources without modules.
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' };
  execFileSync('go', ['build', '-o', program, here('go', 'peer.go')], { env, stdio: 'inherit' });
  return program;
}

/** @returns The address of a page that runs web-client.js. */
function page() {
  const file = join(temporary, 'page.html');
  writeFileSync(file, `<script type="module">${readFileSync(here('web-client.js'), 'utf8')}</script>`);
  return pathToFileURL(file).href;
}

const PYTHON = '/usr/bin/python3';
const BUN = runtime('bun', 'bin', 'bun');
const DENO = runtime('deno', 'deno');
const node = (/** @type {number} */ major) => runtime(`node${major}`, 'bin', 'node');

/**
 * @typedef {object} Peer
 * @property {string} name Its name, without version.
 * @property {() => string | undefined} version
 * @property {() => string[]} [server] Command that starts an echo server, which prints its port.
 * @property {(url: string) => string[]} [client] Command that starts an echo client, which reconnects until a Close with 4321.
 * @property {string[]} [flags] Flags for `hawser conform`.
 */
/** @type {Record<string, Peer>} */
export const PEERS = {
  hawser: {
    name: 'Hawser',
    version: () => manifest(here('..', '..', 'package.json')),
    server: () => [process.execPath, here('node-server.js'), 'hawser'],
    client: (url) => [process.execPath, here('node-client.js'), 'hawser', url],
  },
  ...Object.fromEntries(
    ['ws', 'faye-websocket', 'websocket'].map((name) => [
      name === 'websocket' ? 'websocket-node' : name,
      {
        name: name === 'websocket' ? 'websocket (npm)' : name,
        version: () => npm(name),
        server: () => [process.execPath, here('node-server.js'), name],
        client: (/** @type {string} */ url) => [process.execPath, here('node-client.js'), name, url],
      },
    ]),
  ),
  ...Object.fromEntries(
    [22, 24, 26].map((major) => [
      `node-${major}`,
      {
        name: `Node’s WebSocket (undici), Node`,
        version: () => numbers(says(node(major), '--version')),
        client: (/** @type {string} */ url) => [node(major), here('web-client.js'), url],
      },
    ]),
  ),
  bun: {
    name: 'Bun',
    version: () => says(BUN, '--version'),
    server: () => [BUN, here('bun-server.js')],
    client: (url) => [BUN, here('web-client.js'), url],
  },
  deno: {
    name: 'Deno',
    version: () => numbers(says(DENO, '--version')),
    server: () => [DENO, 'run', '-A', here('deno-server.js')],
    client: (url) => [DENO, 'run', '-A', here('web-client.js'), url],
  },
  chromium: {
    name: 'Chromium',
    version: () => numbers(says('chromium', '--version')),
    client: (url) => [
      'chromium',
      '--headless',
      '--no-sandbox',
      '--remote-debugging-port=0',
      `--user-data-dir=${join(temporary, 'profile')}`,
      `${page()}#${url}`,
    ],
  },
  ...Object.fromEntries(
    ['websockets', 'aiohttp', 'tornado'].map((name) => [
      name,
      {
        name: name === 'websockets' ? 'Python websockets' : name === 'tornado' ? 'Tornado' : name,
        version: () => python(name),
        server: () => [PYTHON, here('python-server.py'), name],
        client: (/** @type {string} */ url) => [PYTHON, here('python-client.py'), name, url],
      },
    ]),
  ),
  gorilla: {
    name: 'Go gorilla/websocket',
    version: () => debian('golang-github-gorilla-websocket-dev'),
    server: () => [goPeer(), 'gorilla'],
    client: (url) => [goPeer(), 'gorilla', url],
  },
  nhooyr: {
    name: 'Go nhooyr.io/websocket',
    version: () => debian('golang-nhooyr-websocket-dev'),
    server: () => [goPeer(), 'nhooyr'],
    client: (url) => [goPeer(), 'nhooyr', url],
  },
  mojolicious: {
    name: 'Perl Mojolicious',
    version: () => debian('libmojolicious-perl'),
    server: () => ['perl', here('mojolicious-server.pl')],
    client: (url) => ['perl', here('mojolicious-client.pl'), url],
  },
};
