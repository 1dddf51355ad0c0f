import type { Buffer } from 'node:buffer';

/** What a transport tells its owner, never from inside a call of its own methods. */
export interface TransportOwner {
  /** Bytes have arrived. The owner may overwrite the chunk, and must not keep it: what follows is read into its memory. */
  received(chunk: Buffer): void;
  /** The peer ended its half: no more bytes come. */
  receivedEnd(): void;
  /** The kernel has taken what one call of `write` handed over. */
  writable(): void;
  /** Nothing is left of the connection below; called once. */
  closed(error: Error | undefined): void;
}

/** The connection below: bytes both ways, nothing of WebSocket. */
export interface Transport {
  /** The peer's address in its normal form (IPv4-mapped as IPv4); empty where there is none. */
  readonly remoteAddress: string;
  /** 0 where it is not known. */
  readonly remotePort: number;
  /** Bytes handed over that the kernel has not taken. */
  readonly bufferedBytes: number;
  /** What was written is more than the connection takes at once: {@link TransportOwner.writable} will be called. */
  readonly blocked: boolean;
  /**
   * Chunks may be read long after `write` has returned, where nothing can check any more that the application has not
   * detached them: its payloads are copied first.
   */
  readonly needsCopies: boolean;
  /** Writes all chunks, in order, in as few system calls as possible. They must stay unchanged until taken. */
  write(chunks: readonly Uint8Array[]): void;
  pause(): void;
  resume(): void;
  /**
   * If there is more to read at once, others have their turn before: a peer that sends as fast as it is read would keep
   * them waiting. To be called from inside {@link TransportOwner.received}.
   */
  giveWay(): void;
  /** Ends our half once everything written is out. */
  end(): void;
  /** Throws the connection away, with what is still unwritten. */
  destroy(): void;
}

/** A transport of a socket that came to us: owners take turns, and find out on the way who it is. */
export interface ArrivedTransport extends Transport {
  /** From here on `owner` is told what happens. */
  handTo(owner: TransportOwner): this;
  /** From here on the peer is the client that a proxy speaks for. @param remotePort Default 0: not known. */
  standFor(remoteAddress: string, remotePort?: number): void;
}
