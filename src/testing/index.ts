/**
 * `hawser/testing`: a kit for tests of WebSocket code, with Hawser or without. It has a server and a client joined in
 * memory, connections with faults, controlled time and randomness, valid and invalid frames, a client that sends any
 * bytes, certificates, and waits with a deadline and a clear error.
 *
 * @example
 * await using joined = await pair({ server: { pingIntervalMs: 20_000 } });
 * joined.client.send('Hello');
 * assert.deepEqual(await waitForEvent(joined.server, 'message'), ['Hello']);
 * await joined.pass(3_600_000);
 * assert.equal(joined.client.state, 'open');
 *
 * @example
 * const { client, server, toServer } = duplexPair();
 * toServer.cutInto(1);
 * await webSocketServer.handleUpgrade(request, server, Buffer.alloc(0));
 * const raw = RawClient.over(client);
 * assert.equal((await raw.nextHead()).status, 101);
 * raw.send(text('Hello'));
 * assert.equal((await raw.nextFrame()).payload.toString(), 'Hello');
 *
 * @module
 */
export type { Clock } from '../engine/clock.ts';
export type { RandomSource } from '../engine/random.ts';
export { type EngineCase, engineContract, type EngineContractOptions } from './engine-contract.ts';
export { byteByByte, everyCut, randomCuts } from './cuts.ts';
export {
  binary,
  close,
  continuation,
  DEFAULT_KEY,
  type FrameExtras,
  type FrameFields,
  frame,
  hex,
  ping,
  pong,
  text,
} from './frames.ts';
export type { Faults } from './lane.ts';
export { type LeakCheck, type LeakCheckOptions, leakCheck } from './leak-check.ts';
export { type DuplexPair, type DuplexPairOptions, duplexPair, MemoryDuplex } from './memory-duplex.ts';
export { type Pair, type PairOptions, pair } from './pair.ts';
export { type CapturedConnection, type CapturedFrame, readCapture } from './captured.ts';
export { type ReplayEvent, replay, type ReplayOptions } from './replay.ts';
export { EXAMPLE_KEY, RawClient, type RawUpgradeOptions } from './raw-client.ts';
export { type DecodedFrame, readFrame, readFrames } from './read-frames.ts';
export { type ResponseHead, readResponseHead } from './response-head.ts';
export { type SelfSigned, selfSigned } from './self-signed.ts';
export { seededRandom } from './seeded-random.ts';
export { type FaultySocket, socketFaults } from './socket-faults.ts';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
export {
  DEFAULT_DEADLINE_MS,
  eventLoopTurns,
  WaitError,
  type WaitOptions,
  type WaitUntilOptions,
  waitForEvent,
  waitUntil,
} from './wait-for.ts';
