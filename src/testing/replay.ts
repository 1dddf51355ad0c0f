import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Connection } from '../connection/connection.ts';
import { defaultEngine } from '../engine/engine.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../options/resolve-options.ts';
import { FACT, ProtocolConnection } from '../protocol/connection.ts';
import {
  agreement,
  EXTENSION_NAME,
  MAX_WINDOW_BITS,
  readParameters,
} from '../protocol/deflate/parameters.ts';
import { PerMessageDeflate } from '../protocol/deflate/per-message-deflate.ts';
import type { Extension } from '../protocol/extensions/extension.ts';
import { MisuseError, type ErrorCode } from '../protocol/errors.ts';
import { parseExtensions } from '../protocol/handshake/extension-list.ts';
import { DEFAULT_LIMITS } from '../protocol/limits.ts';
import type { WebSocketServer } from '../server/websocket-server.ts';
import { CAPTURED, checkArgument, checkCallOptions, REPLAY_OPTIONS } from './call-check.ts';
import type { CapturedConnection } from './captured.ts';
import { duplexPair } from './memory-duplex.ts';
import { EXAMPLE_KEY } from './raw-client.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { eventLoopTurns } from './wait-for.ts';

/** Largest message of a replay against a core: any that V8 can hold. */
const MAX_MESSAGE_BYTES = 536_870_888;
/** Turns of the event loop in which a frame, and the answer to it, arrive in memory. */
const TURNS_A_FRAME = 6;

/** What the received frames of a capture caused. */
export type ReplayEvent =
  | { readonly type: 'message'; readonly data: string | Buffer }
  | { readonly type: 'ping' | 'pong'; readonly payload: Buffer }
  /** The peer's Close; 1005 if it had no code. */
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  /** The peer broke a rule or exceeded a limit. */
  | { readonly type: 'failure'; readonly code: ErrorCode };

/** Where to replay. */
export interface ReplayOptions {
  /** Your server; the frames go through a connection to it, in memory, with a whole handshake. Default: a core without limits. */
  readonly server?: WebSocketServer | undefined;
  /** The clock of that server: it advances as time passed in the capture. Default: frames follow each other at once. */
  readonly clock?: VirtualClock | undefined;
}

/**
 * Replays the frames that the capturing side received, and returns what they caused: the same events as when they were captured.
 * @throws MisuseError (as a rejection) `ERR_ARGUMENT` for a capture without whole payloads, and for one of a client with `server`;
 *   `ERR_STATE` if the server refuses the handshake or agrees on other extensions; `ERR_OPTION` for an invalid option.
 */
export async function replay(
  captured: CapturedConnection,
  options: ReplayOptions = {},
): Promise<ReplayEvent[]> {
  checkArgument('replay', 'captured', captured, CAPTURED);
  checkCallOptions('replay', options, REPLAY_OPTIONS);
  const frames = captured.frames.filter(({ dir }) => dir === 'in');
  if (frames.some(({ isComplete }) => !isComplete))
    throw new MisuseError(
      'ERR_ARGUMENT',
      'replay: the capture has no whole payloads; capture with payloadBytes: Infinity',
    );
  if (options.server === undefined) return replayOnCore(captured);
  if (captured.role !== 'server')
    throw new MisuseError(
      'ERR_ARGUMENT',
      'replay: a client captured this connection; replay it without server',
    );
  return replayOnServer(captured, options.server, options.clock);
}

function replayOnCore(captured: CapturedConnection): ReplayEvent[] {
  const core = new ProtocolConnection(captured.role, {
    limits: { ...DEFAULT_LIMITS, maxMessageBytes: MAX_MESSAGE_BYTES, maxFrameBytes: MAX_MESSAGE_BYTES },
    nextKey: captured.role === 'client' ? () => 0 : undefined,
    extensions: extensionsOf(captured),
    owner: { send: () => undefined, readMore: () => undefined, failed: () => undefined },
  });
  const events: ReplayEvent[] = [];
  for (const { dir, bytes } of captured.frames) {
    if (dir === 'out') continue;
    core.receive(Buffer.from(bytes));
    takeFacts(core, events);
  }
  core.transportEnded();
  return events;
}

function takeFacts(core: ProtocolConnection, events: ReplayEvent[]): void {
  for (let fact = core.next(); fact !== FACT.NONE; fact = core.next()) {
    if (fact === FACT.MESSAGE) {
      const data = core.isText ? core.takeText() : core.takeBytes();
      if (data !== undefined) {
        events.push({ type: 'message', data });
        continue;
      }
    } else if (fact === FACT.PING || fact === FACT.PONG) {
      events.push({ type: fact === FACT.PING ? 'ping' : 'pong', payload: Buffer.from(core.payload) });
      continue;
    }
    const { failure, peerClose } = core;
    if (failure !== undefined) events.push({ type: 'failure', code: failure.code });
    else if (peerClose !== undefined) events.push({ type: 'close', ...peerClose });
    return;
  }
}

/** Inflates everything at once: nothing else happens in a core. */
function extensionsOf({ role, extensions }: CapturedConnection): readonly Extension[] {
  const agreed = parseExtensions(extensions).find(({ name }) => name === EXTENSION_NAME);
  if (agreed === undefined) return [];
  const parameters = readParameters(agreed, 'answer');
  if (typeof parameters === 'string') throw new MisuseError('ERR_ARGUMENT', `replay: ${parameters}`);
  const side = (name: 'client' | 'server') => ({
    contextTakeover: !parameters[`${name}_no_context_takeover`],
    windowBits: Number(parameters[`${name}_max_window_bits`] ?? MAX_WINDOW_BITS),
  });
  const settings = { ...DEFAULT_DEFLATE_SETTINGS, asyncThresholdBytes: MAX_MESSAGE_BYTES };
  return [
    new PerMessageDeflate(role, agreement(side('server'), side('client')), settings, defaultEngine.zlib),
  ];
}

async function replayOnServer(
  { frames, protocol, extensions }: CapturedConnection,
  server: WebSocketServer,
  clock: VirtualClock | undefined,
): Promise<ReplayEvent[]> {
  const wire = duplexPair();
  wire.client.on('error', () => undefined).resume();
  const connection = await server.handleUpgrade(
    upgradeRequest(protocol, extensions),
    wire.server,
    Buffer.alloc(0),
  );
  if (connection === undefined)
    throw new MisuseError('ERR_STATE', 'replay: the server refused the handshake');
  if (connection.extensions !== extensions) {
    connection.terminate();
    throw new MisuseError(
      'ERR_STATE',
      `replay: the server agreed on the extensions '${connection.extensions}', but the captured connection had '${extensions}'; give it the same perMessageDeflate`,
    );
  }
  const events: ReplayEvent[] = [];
  listen(connection, events);
  let nowMs = frames[0]?.timeMs ?? 0;
  for (const { dir, bytes, timeMs } of frames) {
    clock?.advance(Math.max(0, timeMs - nowMs));
    nowMs = Math.max(nowMs, timeMs);
    if (dir === 'out') continue;
    wire.client.write(bytes);
    await eventLoopTurns(TURNS_A_FRAME);
  }
  connection.terminate();
  wire.client.destroy();
  await connection.closed;
  return events;
}

function upgradeRequest(protocol: string, extensions: string): IncomingMessage {
  const rawHeaders = ['Host', 'localhost', 'Upgrade', 'websocket', 'Connection', 'Upgrade'].concat(
    ['Sec-WebSocket-Key', EXAMPLE_KEY, 'Sec-WebSocket-Version', '13'],
    protocol === '' ? [] : ['Sec-WebSocket-Protocol', protocol],
    extensions === '' ? [] : ['Sec-WebSocket-Extensions', extensions],
  );
  return { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders } as unknown as IncomingMessage;
}

function listen(connection: Connection, events: ReplayEvent[]): void {
  connection.on('message', (data) => void events.push({ type: 'message', data }));
  connection.on('ping', (payload) => void events.push({ type: 'ping', payload }));
  connection.on('pong', (payload) => void events.push({ type: 'pong', payload }));
  connection.on('close', ({ code, reason, initiator, error }) => {
    if (error !== undefined && initiator === 'local') events.push({ type: 'failure', code: error.code });
    else if (code !== 1006) events.push({ type: 'close', code, reason });
  });
}
