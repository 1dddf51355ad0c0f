// Counts page faults of messages that come and go. Its parent runs it with `--expose-gc`, and `retain` as an argument or not.
import assert from 'node:assert/strict';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { Engine } from '../../src/engine/engine.ts';
import { messageMemory } from '../../src/protocol/message-memory.ts';
import { ServerCore } from '../../src/server/server-core.ts';

/** The result; without glibc there is nothing to measure. */
export type Faults = { readonly glibc: boolean; readonly faultsPerPage: number };

const MESSAGES = 30;
const MESSAGE_BYTES = 1_048_576;
const PAGE_BYTES = 4_096;

async function messagesComeAndGo(): Promise<void> {
  for (let i = 0; i < MESSAGES; i++) messageMemory(MESSAGE_BYTES).fill(i);
  // Memory is freed while JavaScript runs, at the latest when the next collection begins.
  for (let i = 0; i < 2; i++) {
    globalThis.gc!();
    await setImmediate();
  }
}

Object.assign(process.report, { excludeNetwork: true });
const { header } = process.report.getReport() as {
  readonly header: { readonly glibcVersionRuntime?: string };
};
const retainFreedMemory = process.argv[2] === 'retain';
const engine = new Engine();
assert.equal(new ServerCore({ retainFreedMemory }, engine).options.retainFreedMemory, retainFreedMemory);
engine.noteRead(MESSAGE_BYTES);
await messagesComeAndGo();
await messagesComeAndGo();
const before = process.resourceUsage().minorPageFault;
await messagesComeAndGo();
const faults = process.resourceUsage().minorPageFault - before;
process.send!({
  glibc: header.glibcVersionRuntime !== undefined,
  faultsPerPage: faults / ((MESSAGES * MESSAGE_BYTES) / PAGE_BYTES),
} satisfies Faults);
process.disconnect();
