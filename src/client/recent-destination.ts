import { type Destination, readDestination } from '../protocol/handshake/destination.ts';

/** The URL that one engine connected to last: a process that opens many connections mostly opens them to one URL. */
export class RecentDestination {
  #url: unknown;
  #destination: Destination | undefined;

  /** As {@link readDestination}. */
  of(url: string | URL): Destination {
    if (this.#destination !== undefined && url === this.#url) return this.#destination;
    const destination = readDestination(url);
    // A URL object can change, and a password is not retained.
    if (typeof url === 'string' && destination.authorization === undefined) {
      this.#url = url;
      this.#destination = destination;
    }
    return destination;
  }
}
