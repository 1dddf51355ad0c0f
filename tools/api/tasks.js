// The tasks under which the API pages group the exported names, and which sources serve which task. The first pattern that matches
// the path below src/ decides. A source without a task is an error, so a new folder needs a row.

/** @type {readonly (readonly [task: string, sources: RegExp])[]} */
const TABLE = [
  [
    'Errors and closes',
    /^protocol\/(?:errors|connect-error|close-info|close)\.ts|\/(?:operation|request)-error\.ts/,
  ],
  [
    'Load and limits',
    /^breaker\/|^observe\/load-control\/|^options\/(?:load-control|violation|rate-limit|run-time|priority|live-settings)/,
  ],
  ['Several servers', /^cluster\/|^server\/groups\/(?:cluster-calls|server-cluster)\.ts/],
  [
    'Topics, presence and requests',
    /^options\/(?:topic-|standard-schema)|^server\/groups\/|^server\/topic-server|^client\/topics\//,
  ],
  ['Streams and channels', /^streams\/|^channels\/|^options\/stream-source/],
  [
    'Observe',
    /^observe\/|^opentelemetry\/|^options\/(?:metrics|admin|endpoint)-options|^server\/(?:stats|stale-entry|readiness)|^engine\/(?:logger|channels)/,
  ],
  ['Connect', /^client\/(?:connect\.ts|websocket\/)|^options\/(?:resolve-)?connect-options/],
  ['Reconnect', /^client\/(?:reconnect|browser)\/|^options\/(?:(?:resolve-)?reconnect|retry)-options/],
  [
    'Serve',
    /^server\/|^options\/(?:(?:resolve-)?server-|hooks|origins|option-descriptions|tls-options|secrets)/,
  ],
  ['Time, randomness and memory', /^engine\//],
  ['Send and receive', /^connection\/|^options\/(?:connection|call)-options|^protocol\/payload/],
  ['The opening handshake', /^protocol\/handshake\//],
  ['Compression and extensions', /^protocol\/(?:deflate|extensions)\//],
  ['Frames and messages', /^protocol\//],
  ['Tests', /^testing\//],
  ['Conformance', /^conform\//],
  ['The interface of ws', /^ws\//],
];

/** In the order of the pages. */
export const TASKS = [
  'Serve',
  'Load and limits',
  'Connect',
  'Reconnect',
  'Send and receive',
  'Topics, presence and requests',
  'Streams and channels',
  'Several servers',
  'Observe',
  'Errors and closes',
  'Time, randomness and memory',
  'The opening handshake',
  'Frames and messages',
  'Compression and extensions',
  'Tests',
  'Conformance',
  'The interface of ws',
];

/**
 * The task of the names that a source exports.
 * @param {string} source Path below src/, such as `server/websocket-server.ts`.
 */
export function taskOf(source) {
  const row = TABLE.find(([, sources]) => sources.test(source));
  if (row === undefined) throw new Error(`src/${source} has no task: add it to tools/api/tasks.js`);
  return row[0];
}
