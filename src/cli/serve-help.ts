import { BROKER_FLAGS } from './broker-flags.ts';
import { CONFIG_FLAGS } from './config/serve-config.ts';
import type { Flag } from './flags.ts';
import { helpText } from './help.ts';
import { MODE_FLAGS } from './serve-modes.ts';
import { SERVER_FLAGS, WATCH_FLAGS } from './server-flags.ts';
import { TOPIC_FLAGS } from './topics/topic-flags.ts';
import { WORKER_FLAGS } from './workers/worker-flags.ts';

const WHERE_FLAGS: readonly Flag[] = [
  { name: 'port', short: 'p', value: '<n>', says: 'port to listen on; 0 takes a free port', default: '8080' },
  {
    name: 'host',
    value: '<address>',
    says: 'address to listen on; 0.0.0.0 or :: accepts connections from other machines',
    default: '127.0.0.1',
  },
];
const TLS_FLAGS: readonly Flag[] = [
  {
    name: 'tls-cert',
    value: '<file>',
    says: 'PEM file of the certificate chain; SIGHUP reads both files again',
  },
  { name: 'tls-key', value: '<file>', says: 'PEM file of its private key' },
  {
    name: 'tls-self-signed',
    says: 'generate a certificate for this machine at the start; clients must trust it explicitly',
  },
];
const OTHER_FLAGS: readonly Flag[] = [
  {
    name: 'shutdown-timeout-ms',
    value: '<ms>',
    says: 'time limit for clients to close after the first SIGINT or SIGTERM',
    default: '10,000',
  },
  { name: 'json', says: 'print every event as a line of JSON' },
  {
    name: 'verbose',
    short: 'v',
    says: 'log each client that connects, subscribes and leaves, with the reason',
  },
  { name: 'debug', says: 'also log ordinary closes, refused plain requests and error stacks' },
  { name: 'help', short: 'h', says: 'print this help' },
];
/** Every flag of `serve`. */
export const FLAGS: readonly Flag[] = [
  ...MODE_FLAGS,
  ...TOPIC_FLAGS,
  ...BROKER_FLAGS,
  ...WHERE_FLAGS,
  ...CONFIG_FLAGS,
  ...WORKER_FLAGS,
  ...TLS_FLAGS,
  ...WATCH_FLAGS,
  ...SERVER_FLAGS,
  ...OTHER_FLAGS,
];

export const help = (): string =>
  helpText(
    'hawser serve [--echo | --relay | --chat | --topics] [flags]',
    [
      'Runs a WebSocket server. When it is ready it prints one line with its URL. SIGINT or SIGTERM closes',
      'every connection with a closing handshake; a second signal ends the process at once. Log lines go',
      'to standard error: as text on a terminal, as JSON otherwise.',
    ],
    [
      { title: 'Mode', flags: MODE_FLAGS },
      { title: 'Topics (with --topics; what is not allowed is refused)', flags: TOPIC_FLAGS },
      { title: 'Several servers (with --topics or --chat)', flags: BROKER_FLAGS },
      { title: 'Address', flags: WHERE_FLAGS },
      { title: 'Configuration', flags: CONFIG_FLAGS },
      { title: 'Processes', flags: WORKER_FLAGS },
      { title: 'TLS', flags: TLS_FLAGS },
      { title: 'Monitoring', flags: WATCH_FLAGS },
      { title: 'Server options', flags: SERVER_FLAGS },
      { title: 'Other', flags: OTHER_FLAGS },
    ],
    [
      { command: 'hawser serve', says: 'echo on ws://127.0.0.1:8080/, with a playground at http://…' },
      {
        command: 'hawser serve --relay --verbose',
        says: 'log each client that connects, and why it disconnects',
      },
      { command: 'hawser serve --chat --port 3000', says: 'chat on http://127.0.0.1:3000/' },
      { command: 'hawser serve --relay --host 0.0.0.0', says: 'a relay that other machines can reach' },
      {
        command: 'hawser serve --allowed-origin https://a.example --allowed-origin https://b.example',
        says: 'accept pages of two sites',
      },
      {
        command: 'hawser serve --metrics',
        says: 'with /metrics, /healthz and /readyz for Prometheus and Kubernetes',
      },
      { command: 'hawser serve --admin-port 9090', says: 'with a live page on http://127.0.0.1:9090/' },
      { command: 'hawser serve --chat --tls-self-signed', says: 'chat on https://127.0.0.1:8080/' },
      {
        command: 'HAWSER_MAX_CONNECTIONS=500 hawser serve --config hawser.json',
        says: 'options of a file; a variable wins over it, and kill -HUP applies changes of the file',
      },
      {
        command: 'hawser serve --rate-limit 100 --max-connections 500',
        says: 'limit the message rate and the connections',
      },
      {
        command: "hawser serve --topics --allow-subscribe 'news:*' --history 'news:*' --publish-token s3cret",
        says: 'a push server: curl publishes, browsers subscribe, and nothing is lost between',
      },
      {
        command:
          "hawser serve --topics --allow-subscribe 'room:*' --allow-publish 'room:*' --presence 'room:*'",
        says: 'clients publish themselves, and see who is there',
      },
      {
        command: "hawser serve --topics --allow-subscribe 'news:*' --workers 4",
        says: 'a push server on four cores, in processes that share topics',
      },
      {
        command: 'hawser serve --chat --redis redis://127.0.0.1:6379',
        says: 'a chat of several servers that loses nothing when one is restarted (npm install ioredis)',
      },
      {
        command: 'hawser serve --chat --allowed-host chat.example --allowed-origin https://chat.example',
        says: 'behind a proxy that forwards the Host header',
      },
    ],
  );
