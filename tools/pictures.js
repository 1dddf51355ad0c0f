// Makes the pictures of README.md and of the tutorial: runs the chats, and looks at them with Chromium. Needs `npm run build`,
// `npm ci --prefix test/interop` and `--prefix examples/tutorial/7-two-nodes`, Chromium, and redis-server for step 7.
//   node tools/pictures.js [word…]    only pictures whose name has one of the words
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');
const TARGET = join(ROOT, 'docs', 'pictures');
const { chromium } = createRequire(join(ROOT, 'test', 'interop', 'package.json'))('playwright-core');

/** Starts a program, which is stopped when the picture is done. */
function start(programs, command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  programs.push(child);
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (/Open|Ready to accept|http:/.test(printed)) resolve(printed);
    });
    child.once('exit', (code) =>
      reject(new Error(`${command} ${args.join(' ')} exited with ${code}: ${printed}`)),
    );
  });
}

const step = (name) => join('examples', 'tutorial', name, 'server.js');

/** A window of the picture: a page in a context of its own. */
async function open(browser, url, { width = 400, height = 330, dark = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 2,
    colorScheme: dark ? 'dark' : 'light',
  });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Says something as a user does. Texts that have to arrive are waited for in every window. */
async function say(page, text, windows) {
  await page.fill('#say input', text);
  await page.press('#say input', 'Enter');
  for (const each of windows) await each.getByText(text, { exact: false }).first().waitFor();
}

async function signIn(page, name, password) {
  await page.fill('[name=name]', name);
  await page.fill('[name=password]', password);
  await page.click('button');
  await page.getByText('connected').waitFor();
}

/** Puts screenshots of windows side by side, as one WebP file. */
async function picture(browser, name, windows, { dark = false } = {}) {
  const shots = [];
  for (const page of windows) {
    await page.evaluate(() => document.activeElement?.blur());
    shots.push({
      url: new URL(page.url()),
      png: (await page.screenshot()).toString('base64'),
      width: page.viewportSize().width,
    });
  }
  const [back, bar, ink] = dark ? ['#0d1117', '#21262d', '#c9d1d9'] : ['#ffffff', '#e7ebef', '#3a434d'];
  const frames = shots.map(
    ({ url, png, width }) =>
      `<figure style="width:${width}px"><figcaption>${url.host}${url.pathname}${url.search}</figcaption><img width="${width}" src="data:image/png;base64,${png}"></figure>`,
  );
  const board = await open(browser, 'about:blank', { width: 100, height: 100 });
  await board.setContent(`<!doctype html><style>
    body { margin: 0; display: flex; gap: 16px; padding: 8px; width: max-content; background: ${back}; font: 13px system-ui, sans-serif; }
    figure { margin: 0; border: 1px solid ${bar}; border-radius: 8px; overflow: hidden; }
    figcaption { padding: 5px 12px; background: ${bar}; color: ${ink}; } img { display: block; }
  </style>${frames.join('')}`);
  const { width, height } = await board.evaluate(() => {
    const { width, height } = document.body.getBoundingClientRect();
    return { width: Math.ceil(width), height: Math.ceil(height) };
  });
  const session = await board.context().newCDPSession(board);
  const clip = { x: 0, y: 0, width, height, scale: 1 };
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 80,
    clip,
    captureBeyondViewport: true,
  });
  writeFileSync(join(TARGET, `${name}.webp`), Buffer.from(data, 'base64'));
  console.log(`${name}.webp, ${width} × ${height}, ${Math.round((data.length * 3) / 4_096)} KB`);
}

const AT = 'http://localhost:8080/';

const PICTURES = {
  async 'tutorial-2-page'(browser, programs) {
    await start(programs, process.execPath, [step('2-page')]);
    const page = await open(browser, AT);
    for (const text of ['Hello?', 'Nobody here but me.']) await say(page, text, [page]);
    await picture(browser, 'tutorial-2-page', [page]);
  },
  async 'tutorial-3-everybody'(browser, programs) {
    await start(programs, process.execPath, [step('3-everybody')]);
    const windows = [await open(browser, AT), await open(browser, AT)];
    await say(windows[0], 'Hello?', windows);
    await say(windows[1], 'Hello from the other window!', windows);
    await picture(browser, 'tutorial-3-everybody', windows);
  },
  async 'tutorial-4-names'(browser, programs) {
    await start(programs, process.execPath, [step('4-names')]);
    const windows = [await open(browser, `${AT}?name=ann`), await open(browser, `${AT}?name=ben`)];
    for (const each of windows) await each.getByText('ann, ben').waitFor();
    await say(windows[0], 'Hello?', windows);
    await say(windows[1], 'Hello Ann!', windows);
    await picture(browser, 'tutorial-4-names', windows);
  },
  async 'tutorial-5-nothing-lost'(browser, programs) {
    await start(programs, process.execPath, [step('5-nothing-lost')]);
    const [ann, ben] = [await open(browser, `${AT}?name=ann`), await open(browser, `${AT}?name=ben`)];
    for (const each of [ann, ben]) await each.getByText('connected').waitFor();
    await say(ann, 'Ready for the tunnel?', [ann, ben]);
    await ben.context().setOffline(true);
    await say(ann, 'Are you in the tunnel?', [ann]);
    await say(ann, 'Hello?', [ann]);
    await ben.getByText('offline').waitFor({ timeout: 60_000 });
    await ben.evaluate(() => document.activeElement?.blur());
    const offline = await ben.screenshot();
    await say(ben, 'Can you hear me?', []);
    await ben.context().setOffline(false);
    for (const each of [ann, ben]) await each.getByText('Can you hear me?').waitFor({ timeout: 60_000 });
    await ben.getByText('connected').waitFor();
    const before = await open(browser, 'about:blank');
    await before.setContent(
      `<!doctype html><style>body { margin: 0 } img { width: 400px }</style><img src="data:image/png;base64,${offline.toString('base64')}">`,
    );
    before.url = () => `${AT}?name=ben`;
    await picture(browser, 'tutorial-5-nothing-lost', [before, ben, ann]);
  },
  async 'tutorial-6-strangers'(browser, programs) {
    await start(programs, process.execPath, [step('6-strangers')]);
    const [form, page] = [await open(browser, AT), await open(browser, AT)];
    await signIn(page, 'ann', 'harbour');
    await say(page, 'Only ben and I can come in.', [page]);
    await picture(browser, 'tutorial-6-strangers', [form, page]);
  },
  async 'tutorial-7-two-nodes'(browser, programs) {
    await start(programs, 'redis-server', [
      '--port',
      '6379',
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--dir',
      '/tmp',
    ]);
    const env = { SECRET: 'of all nodes' };
    await start(programs, process.execPath, [step('7-two-nodes')], env);
    await start(programs, process.execPath, [step('7-two-nodes'), '8081'], env);
    const windows = [await open(browser, AT), await open(browser, 'http://localhost:8081/')];
    await signIn(windows[0], 'ann', 'harbour');
    await signIn(windows[1], 'ben', 'lighthouse');
    for (const each of windows) await each.getByText('ann, ben').waitFor();
    await say(windows[0], 'Which server are you at?', windows);
    await say(windows[1], '8081. And you?', windows);
    await picture(browser, 'tutorial-7-two-nodes', windows);
  },
  async chat(browser, programs) {
    await start(programs, process.execPath, [join('build', 'package', 'cli.js'), 'serve', '--chat']);
    for (const dark of [false, true]) {
      const size = { width: 560, height: 420, dark };
      const [anna, ben] = [await open(browser, AT, size), await open(browser, AT, { ...size, width: 390 })];
      for (const [page, name] of [
        [anna, 'Anna'],
        [ben, 'Ben'],
      ]) {
        await page.fill('#name', name);
        await page.fill('#room-name', dark ? 'lighthouse' : 'harbour');
        await page.click('#enter button');
        await page.waitForSelector('#status[data-state=open]', { state: 'attached' });
      }
      const windows = [anna, ben];
      const talk = async (page, text) => {
        await page.fill('#text', text);
        await page.press('#text', 'Enter');
        for (const each of windows) await each.getByText(text).first().waitFor();
      };
      await talk(anna, 'Two tabs, one server.');
      await talk(ben, 'npm ci && npm start, and here we are.');
      await talk(anna, 'Open a third tab: it shows all of this.');
      await sleep(500); // the pages finish their transitions
      await picture(browser, dark ? 'chat-dark' : 'chat-light', windows, { dark });
    }
  },
};

const words = process.argv.slice(2);
const wanted = Object.entries(PICTURES).filter(
  ([name]) => words.length === 0 || words.some((word) => name.includes(word)),
);
if (wanted.length === 0)
  throw new Error(
    `no picture's name has one of these words: ${words.join(', ')}; there are ${Object.keys(PICTURES).join(', ')}`,
  );
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
for (const [, make] of wanted) {
  const programs = [];
  try {
    await make(browser, programs);
  } finally {
    for (const program of programs) {
      program.removeAllListeners('exit');
      const exit = new Promise((resolve) => program.once('exit', resolve));
      program.kill('SIGKILL');
      await exit;
    }
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
