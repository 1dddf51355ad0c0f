import type { ArrivedTransport } from './transport.ts';

const nothing = (): void => {};

/** A transport without a peer: it takes everything and brings nothing. */
export const NO_PEER: ArrivedTransport = Object.freeze({
  remoteAddress: '',
  remotePort: 0,
  destroyed: false,
  bufferedBytes: 0,
  blocked: false,
  needsCopies: false,
  write: nothing,
  pause: nothing,
  resume: nothing,
  giveWay: nothing,
  end: nothing,
  destroy: nothing,
  handTo: () => NO_PEER,
  standFor: nothing,
});
