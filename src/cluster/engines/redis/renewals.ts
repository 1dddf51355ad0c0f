/** How long Redis keeps the members of a topic that no node renews. */
const MEMBERS_TTL_MS = 3_600_000;
/** How often a node renews them. */
const RENEW_MS = 1_200_000;

/** The topics in which this node has members: Redis drops the members of a topic unless a node renews them. */
export class Renewals {
  readonly ttlMs = MEMBERS_TTL_MS;
  readonly #fields = new Map<string, Set<string>>();
  #renewedMs: number | undefined;

  entered(topic: string, fields: Iterable<string>): void {
    let all = this.#fields.get(topic);
    if (all === undefined) this.#fields.set(topic, (all = new Set()));
    for (const field of fields) all.add(field);
  }

  left(topic: string, fields: Iterable<string>): void {
    const all = this.#fields.get(topic);
    if (all === undefined) return;
    for (const field of fields) all.delete(field);
    if (all.size === 0) this.#fields.delete(topic);
  }

  /** The topics to renew now. */
  due(nowMs: number): Iterable<string> {
    this.#renewedMs ??= nowMs;
    if (nowMs - this.#renewedMs < RENEW_MS) return [];
    this.#renewedMs = nowMs;
    return this.#fields.keys();
  }
}
