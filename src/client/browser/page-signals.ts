import type { EventSource, Platform } from './platform.ts';

/** What the page or worker can learn about its network. Neither signal is certain. */
export interface PageOwner {
  /** The network may be back, or the page runs again. */
  mayBeReachable(): void;
  /** The network may be gone. */
  mayBeCut(): void;
}

/**
 * Listens for what a browser says about the network and the page: `online`, `offline`, a page that becomes visible, that returns
 * from the back/forward cache, or that is not frozen any more. A worker has only the first two.
 * @returns Stops listening.
 */
export function watchPage({ scope, page }: Platform, owner: PageOwner): () => void {
  const returned = (): void => owner.mayBeReachable();
  const listeners: readonly (readonly [
    EventSource | undefined,
    string,
    (event: { readonly persisted?: boolean }) => void,
  ])[] = [
    [scope, 'online', returned],
    [scope, 'offline', () => owner.mayBeCut()],
    [scope, 'pageshow', (event) => void (event.persisted === true && owner.mayBeReachable())],
    [page, 'resume', returned],
    [page, 'visibilitychange', () => void (page?.visibilityState === 'visible' && owner.mayBeReachable())],
  ];
  for (const [source, name, listener] of listeners) source?.addEventListener(name, listener);
  return () => {
    for (const [source, name, listener] of listeners) source?.removeEventListener(name, listener);
  };
}
