import type { AdminSnapshot } from '../../observe/index.ts';
import { CommandError, type CommandIo, EXIT } from '../command.ts';
import { AdminFeed } from './admin-feed.ts';
import type { AdminTarget } from './admin-target.ts';
import type { ViewerSettings } from './viewer.ts';

/**
 * Passes on snapshots that have the wanted view.
 * @param seen Gets each; returns whether it was the last one.
 * @param timeoutMs Limit of the time until the last one; `undefined` for none.
 * @returns Exit code.
 * @throws CommandError if the admin port cannot be reached, is none, or sends nothing in time.
 */
export async function follow(
  target: AdminTarget,
  { view, connectTimeoutMs }: Pick<ViewerSettings, 'view' | 'connectTimeoutMs'>,
  seen: (snapshot: AdminSnapshot) => boolean,
  timeoutMs: number | undefined,
  io: Pick<CommandIo, 'interrupted' | 'err'>,
): Promise<number> {
  let stop = (): void => undefined;
  try {
    return await new Promise<number>((resolve, reject) => {
      const interrupt = (): void => resolve(EXIT.INTERRUPTED);
      io.interrupted.addEventListener('abort', interrupt);
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(
              () => reject(new CommandError(`${target.shown} sent no snapshot within ${timeoutMs} ms`)),
              timeoutMs,
            );
      const feed = new AdminFeed(
        target,
        view,
        { connectTimeoutMs },
        {
          received: (snapshot) => {
            // The first snapshot may have been under way before the server knew the view.
            const given = snapshot.connections.view;
            const isWanted =
              given.sort === view.sort && given.filter === view.filter && given.limit === view.limit;
            if (isWanted && seen(snapshot)) resolve(EXIT.DONE);
          },
          lost: (why) => io.err(`hawser: ${why}; connecting again`),
          failed: reject,
        },
      );
      stop = () => {
        clearTimeout(timer);
        feed.close();
        io.interrupted.removeEventListener('abort', interrupt);
      };
      if (io.interrupted.aborted) interrupt();
    });
  } finally {
    stop();
  }
}
