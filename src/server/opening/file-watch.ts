import { type FSWatcher, lstatSync, realpathSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../engine/clock.ts';

/** Time without a change after which files are read, in ms: a certificate and its key are written one after the other. */
const SETTLE_MS = 1_000;
/** Longest wait while something in the folder changes all the time, in ms. */
const LONGEST_WAIT_MS = 10_000;
/** A folder that does not exist is looked for again after this time, in ms. */
const LOOK_AGAIN_MS = 60_000;

/**
 * Notices changes of files, also when a program replaces a file, a symbolic link on the way to it (certbot), or a folder that a
 * link leads to (secrets of Kubernetes). It watches folders: a watch of a file ends when the file is replaced.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #clock: Clock;
  readonly #changed: () => void;
  #watchers: FSWatcher[] = [];
  #timer: unknown;
  /** Time of the first change that was not reported, in ms. */
  #sinceMs: number | undefined;

  /** @param changed Called once after a burst of changes in these folders, whichever files they concern. Must not throw. */
  constructor(paths: readonly string[], clock: Clock, changed: () => void) {
    this.#paths = paths;
    this.#clock = clock;
    this.#changed = changed;
    this.#open();
  }

  close(): void {
    this.#clock.clearTimer(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  readonly #noticed = (): void => {
    const nowMs = this.#clock.now();
    this.#sinceMs ??= nowMs;
    this.#wait(Math.min(SETTLE_MS, Math.max(0, this.#sinceMs + LONGEST_WAIT_MS - nowMs)));
  };

  #wait(delayMs: number): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = this.#clock.setTimer(() => {
      this.#sinceMs = undefined;
      this.close();
      // First the watch, then the report: what changes in between is noticed. Links may lead elsewhere now.
      this.#open();
      this.#changed();
    }, delayMs);
  }

  #open(): void {
    let isComplete = true;
    for (const folder of foldersOf(this.#paths)) {
      try {
        const watcher = watch(folder, { persistent: false }, this.#noticed);
        watcher.on('error', this.#noticed);
        this.#watchers.push(watcher);
      } catch {
        isComplete = false;
      }
    }
    if (!isComplete) this.#wait(LOOK_AGAIN_MS);
  }
}

/** The folders in which a change can give a path another content. */
function foldersOf(paths: readonly string[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    const whole = resolve(path);
    folders.add(dirname(whole));
    for (let at = whole; at !== dirname(at); at = dirname(at)) if (isLink(at)) folders.add(dirname(at));
    try {
      folders.add(dirname(realpathSync(whole)));
    } catch {
      // The file is missing: its folder shows when it comes.
    }
  }
  return folders;
}

const isLink = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
