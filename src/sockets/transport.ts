import type { Buffer } from 'node:buffer';
import type { PackingTable } from '../protocol/outgoing/packing-table.ts';

/** The address of a peer, in its normal form. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** Callbacks of a transport. Methods of the transport never call them synchronously. */
export interface TransportOwner {
  /** Bytes have arrived. The owner may overwrite the chunk but must not keep it: the next read reuses its memory. */
  received(chunk: Buffer): void;
  /** The peer ended its half (EOF): no more bytes arrive. */
  receivedEnd(): void;
  /** The kernel has taken all bytes of one call of `write`. */
  writable(): void;
  /** The connection below is closed; called once. */
  closed(error: Error | undefined): void;
}

/** The connection below a WebSocket: bytes in both directions. */
export interface Transport {
  /** The peer's address in its normal form (IPv4-mapped as IPv4); empty if there is none. */
  readonly remoteAddress: string;
  /** 0 if unknown. */
  readonly remotePort: number;
  /** The connection below is destroyed. {@link TransportOwner.closed} follows, or was called. */
  readonly destroyed: boolean;
  /** Written bytes that the kernel has not taken. */
  readonly bufferedBytes: number;
  /** The connection has not taken all written bytes yet: {@link TransportOwner.writable} will be called. */
  readonly blocked: boolean;
  /**
   * Whether payloads of the application must be copied before `write`: the transport may read chunks long after `write` has
   * returned, and cannot check then whether the application has detached them.
   */
  readonly needsCopies: boolean;
  /**
   * True if the next `write` may get frames where they are in `table`: it sends or copies them before it returns, or locks them.
   * Default: it gets copies.
   */
  borrows?(table: PackingTable): boolean;
  /** Writes all chunks in order, in as few system calls as possible. They must stay unchanged until the kernel has taken them. */
  write(chunks: readonly Uint8Array[]): void;
  pause(): void;
  resume(): void;
  /**
   * Yields to other connections before it reads more, so that a peer that sends without pause cannot starve them. Call it
   * from inside {@link TransportOwner.received}.
   */
  giveWay(): void;
  /** Ends our half after all written bytes are sent. */
  end(): void;
  /** Closes the connection at once and drops unsent bytes. */
  destroy(): void;
}

/** A transport whose owner changes, for example from the handshake to the connection, and whose peer a proxy may announce. */
export interface ArrivedTransport extends Transport {
  /** Replaces the owner: `owner` gets all further callbacks. */
  handTo(owner: TransportOwner): this;
  /** Sets the peer to the client behind a proxy. @param remotePort Default 0: unknown. */
  standFor(remoteAddress: string, remotePort?: number): void;
}
