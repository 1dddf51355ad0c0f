import type { Cell } from './cells.ts';

/** What the runner asks a server. */
export type ServerRequest = 'usage';
/** What a server says: first its port, then answers. */
export type ServerMessage =
  | { readonly type: 'listening'; readonly port: number; readonly version: string }
  | { readonly type: 'usage'; readonly cpuMicros: number; readonly rssBytes: number };

/** What the runner asks the load generator. */
export interface LoadRequest {
  readonly cell: Cell;
  readonly port: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
}
/** What the load generator says. */
export type LoadMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'windowBegins' }
  | {
      readonly type: 'windowEnds';
      readonly messages: number;
      readonly elapsedMs: number;
      readonly latencyMicros: readonly number[];
    }
  | { readonly type: 'failed'; readonly why: string };
