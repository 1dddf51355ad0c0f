import type { DriverOf } from '../../connection/connection.ts';
import type { TopicSession } from '../../server/groups/follower.ts';
import type { SessionHost } from '../../server/groups/session-host.ts';
import { PresenceFrames } from './server-frame.ts';
import { Session } from './session.ts';

/** The sessions of `hawser.v1` of one server. */
export class Sessions<UserData> {
  readonly #host: SessionHost<UserData>;
  readonly #frames = new PresenceFrames();

  constructor(host: SessionHost<UserData>) {
    this.#host = host;
  }

  /** Begins to speak the protocol on a connection that has just opened: its first frame is `hello`. */
  open(driver: DriverOf<UserData>): TopicSession {
    return new Session(this.#host, driver, this.#frames);
  }
}
