/** Values of `readyState` (WHATWG WebSockets §3). */
export const READY = Object.freeze({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const);
/** One of {@link READY}. */
export type ReadyState = 0 | 1 | 2 | 3;

const NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;

/** The error of a call that needs an open connection. */
export const notOpen = (state: ReadyState): Error =>
  new Error(`WebSocket is not open: readyState ${state} (${NAMES[state]})`);
