import type { ServerControl } from '../cluster/engine.ts';
import type { Sessions } from '../cluster/hawser-v1/sessions.ts';
import type { Clock } from '../engine/clock.ts';
import type { Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import type { ResolvedServerOptions } from '../options/resolve-server-options.ts';
import type { SessionHost } from './groups/session-host.ts';
import type { LoadedNode, TopicNodeOwner } from './groups/topic-node.ts';

/** The subprotocol that the server itself speaks. */
export const HAWSER_V1 = 'hawser.v1';

/** Code that most servers never load. */
export interface LoadedTopics<UserData> {
  readonly node: LoadedNode;
  /** `undefined` unless option `protocols` has `hawser.v1`. */
  readonly sessions: Sessions<UserData> | undefined;
}

/** Loads the code, and makes the node. */
export type LoadTopics<UserData> = (
  owner: TopicNodeOwner,
  host: SessionHost<UserData>,
  options: ResolvedServerOptions<UserData>,
  engine: Engine,
  server: ServerControl,
) => Promise<LoadedTopics<UserData>>;

/** Whether a server with these options needs that code. */
export const needsTopics = <UserData>({
  history,
  presence,
  cluster,
  protocols,
}: ResolvedServerOptions<UserData>): boolean =>
  history.length > 0 || presence.length > 0 || cluster !== undefined || protocols.includes(HAWSER_V1);

/** The only function of the server that loads code of cluster/. */
export async function loadTopics<UserData>(
  owner: TopicNodeOwner,
  host: SessionHost<UserData>,
  options: ResolvedServerOptions<UserData> & { readonly clock: Clock; readonly random: RandomSource },
  engine: Engine,
  server: ServerControl,
): Promise<LoadedTopics<UserData>> {
  const speaks = options.protocols.includes(HAWSER_V1);
  const [{ createTopicNode }, wire] = await Promise.all([
    import('../cluster/cluster-node.ts'),
    speaks ? import('../cluster/hawser-v1/sessions.ts') : undefined,
  ]);
  const { history, presence, cluster, clock, random, maxHistoryBytes, maxMessageBytes } = options;
  const node = createTopicNode(
    {
      owner,
      nodeId: owner.local.info.id,
      history,
      presence,
      engine: cluster,
      clock,
      random,
      maxHistoryBytes,
      maxMessageBytes,
      server,
    },
    engine,
  );
  return { node, sessions: wire === undefined ? undefined : new wire.Sessions(host) };
}
