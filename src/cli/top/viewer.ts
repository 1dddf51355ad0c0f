import {
  ADMIN_SORTS,
  type AdminConnection,
  type AdminSnapshot,
  type AdminView,
} from '../../observe/index.ts';
import { whole } from '../../load/index.ts';
import { printable } from '../../protocol/index.ts';
import { type CommandIo, EXIT, type Terminal } from '../command.ts';
import { AdminFeed } from './admin-feed.ts';
import type { AdminTarget } from './admin-target.ts';
import { closeConnection } from './close-action.ts';
import { frame } from './frame.ts';
import { FullScreen, type Key } from './full-screen.ts';
import { Rates } from './rates.ts';
import type { Paper, Part, Row } from './row.ts';

/** The server refuses longer filters. */
const MAX_FILTER = 200;

export interface ViewerSettings {
  readonly view: AdminView;
  readonly unicode: boolean;
  readonly connectTimeoutMs: number;
}

/** What keys mean at the moment. */
type Mode =
  | { readonly does: 'watch' }
  | { readonly does: 'filter'; readonly text: string }
  | { readonly does: 'confirm'; readonly connection: AdminConnection };

/** The end of the command: an exit code, or why it failed. The first one counts. */
class Ending {
  readonly promise: Promise<number>;
  resolve!: (code: number) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Shows an admin port on the whole terminal until the user leaves. */
export class Viewer {
  readonly #target: AdminTarget;
  readonly #terminal: Terminal;
  readonly #unicode: boolean;
  readonly #screen: FullScreen;
  readonly #feed: AdminFeed;
  readonly #rates = new Rates();
  readonly #end = new Ending();
  #snapshot: AdminSnapshot | undefined;
  /** The newest snapshot while the picture is paused. */
  #unseen: AdminSnapshot | undefined;
  #paused = false;
  #mode: Mode = { does: 'watch' };
  #chosen: string | undefined;
  /** Why there is no connection. */
  #lost: string | undefined;
  /** What an action came to; until the next key. */
  #note = '';

  private constructor(target: AdminTarget, terminal: Terminal, settings: ViewerSettings) {
    this.#target = target;
    this.#terminal = terminal;
    this.#unicode = settings.unicode;
    this.#screen = new FullScreen(
      terminal,
      (key) => this.#pressed(key),
      () => this.#draw(),
    );
    this.#feed = new AdminFeed(target, settings.view, settings, {
      received: (snapshot) => this.#received(snapshot),
      lost: (why) => {
        this.#lost = why;
        this.#draw();
      },
      failed: (error) => this.#end.reject(error),
    });
    this.#draw();
  }

  /**
   * @returns Exit code.
   * @throws CommandError if the admin port cannot be reached, refuses the token, or is none. The terminal is as before.
   */
  static async run(
    target: AdminTarget,
    terminal: Terminal,
    settings: ViewerSettings,
    io: Pick<CommandIo, 'interrupted' | 'onExit'>,
  ): Promise<number> {
    const viewer = new Viewer(target, terminal, settings);
    const interrupt = (): void => viewer.#end.resolve(EXIT.INTERRUPTED);
    const removeExit = io.onExit(() => viewer.#screen.close());
    io.interrupted.addEventListener('abort', interrupt);
    if (io.interrupted.aborted) interrupt();
    try {
      return await viewer.#end.promise;
    } finally {
      viewer.#screen.close();
      viewer.#feed.close();
      removeExit();
      io.interrupted.removeEventListener('abort', interrupt);
    }
  }

  #received(snapshot: AdminSnapshot): void {
    this.#lost = undefined;
    this.#rates.add(snapshot);
    if (this.#paused) this.#unseen = snapshot;
    else this.#snapshot = snapshot;
    this.#draw();
  }

  #pressed(key: Key): void {
    this.#note = '';
    if (key.ctrl && key.name === 'c') this.#end.resolve(EXIT.INTERRUPTED);
    else if (this.#mode.does === 'filter') this.#typed(this.#mode.text, key);
    else if (this.#mode.does === 'confirm') this.#answered(this.#mode.connection, key);
    else this.#commanded(key);
    this.#draw();
  }

  #commanded({ name, text }: Key): void {
    if (text === 'q') this.#end.resolve(EXIT.DONE);
    else if (text === 's' || text === 'S') this.#sort(text === 's' ? 1 : -1);
    else if (text === '/') this.#mode = { does: 'filter', text: this.#feed.view.filter };
    else if (text === 'p' || text === ' ') this.#pause();
    else if (text === 'c') this.#askToClose();
    else if (name === 'down' || text === 'j') this.#choose(1);
    else if (name === 'up' || text === 'k') this.#choose(-1);
    else if (name === 'escape') this.#chosen = undefined;
  }

  #sort(step: number): void {
    const { view } = this.#feed;
    const next = (ADMIN_SORTS.indexOf(view.sort) + step + ADMIN_SORTS.length) % ADMIN_SORTS.length;
    this.#feed.view = { ...view, sort: ADMIN_SORTS[next]! };
  }

  #pause(): void {
    this.#paused = !this.#paused;
    this.#snapshot = this.#unseen ?? this.#snapshot;
    this.#unseen = undefined;
  }

  #choose(step: number): void {
    const rows = this.#snapshot?.connections.rows ?? [];
    const at = rows.findIndex(({ id }) => id === this.#chosen);
    this.#chosen = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))]?.id;
  }

  #typed(before: string, { name, ctrl, text }: Key): void {
    if (name === 'escape') this.#mode = { does: 'watch' };
    else if (name === 'return' || name === 'enter') {
      this.#mode = { does: 'watch' };
      this.#feed.view = { ...this.#feed.view, filter: before };
    } else if (name === 'backspace') this.#mode = { does: 'filter', text: before.replace(/.$/su, '') };
    else if (ctrl && name === 'u') this.#mode = { does: 'filter', text: '' };
    else if (!ctrl && text !== '' && printable(text) === text)
      this.#mode = { does: 'filter', text: (before + text).slice(0, MAX_FILTER) };
  }

  #askToClose(): void {
    const { server, connections } = this.#snapshot ?? {};
    if (server === undefined || connections === undefined) return;
    if (!server.actions) {
      this.#note =
        'actions are off; hawser serve --admin-actions, or the option admin.actions, switches them on';
      return;
    }
    const connection = connections.rows.find(({ id }) => id === this.#chosen);
    if (connection === undefined) this.#note = 'choose a connection with the up and down keys first';
    else this.#mode = { does: 'confirm', connection };
  }

  #answered({ id }: AdminConnection, { text }: Key): void {
    this.#mode = { does: 'watch' };
    if (text !== 'y') return;
    void closeConnection(this.#target, id).then((sentence) => {
      this.#note = `${printable(id)}: ${sentence}`;
      this.#draw();
    });
  }

  #state(): Part {
    if (this.#lost !== undefined) return [' RECONNECTING ', 'bad'];
    return this.#paused ? [' PAUSED ', 'warn'] : ['', 'plain'];
  }

  #footer(): Row {
    const mode = this.#mode;
    if (mode.does === 'filter') {
      return [
        ['filter: ', 'strong'],
        [`${mode.text}_`, 'accent'],
        ['   Enter applies, Esc keeps the old one', 'faint'],
      ];
    }
    if (mode.does === 'confirm') {
      const { id, remoteAddress } = mode.connection;
      return [[`close ${printable(id)} of ${printable(remoteAddress)} with 1012? y/n`, 'warn']];
    }
    if (this.#note !== '') return [[this.#note, 'warn']];
    if (this.#lost !== undefined) return [[this.#lost, 'bad']];
    const { sort, filter } = this.#feed.view;
    const matching = this.#snapshot?.connections.matching ?? 0;
    const key = (letter: string, does: string): Part[] => [
      [letter, 'strong'],
      [` ${does}   `, 'faint'],
    ];
    return [
      ...key('s', `sort: ${sort}`),
      ...key('/', filter === '' ? 'filter' : `${printable(filter)} (${whole(matching)})`),
      ...key('p', this.#paused ? 'go on' : 'pause'),
      ...key(this.#unicode ? '↑↓' : 'j/k', 'choose'),
      ...key('c', 'close'),
      ...key('q', 'quit'),
    ];
  }

  #draw(): void {
    const paper: Paper = {
      ...this.#screen.size,
      colours: this.#terminal.hasColours,
      unicode: this.#unicode,
    };
    if (this.#snapshot === undefined) this.#screen.draw([`connecting to ${this.#target.shown}`]);
    else {
      this.#screen.draw(
        frame(
          {
            snapshot: this.#snapshot,
            rates: this.#rates,
            chosen: this.#chosen,
            state: this.#state(),
            footer: this.#footer(),
          },
          paper,
        ),
      );
    }
  }
}
