/** The mark of Hawser: two posts and a rope. */
const MARK =
  '<rect width="32" height="32" rx="8" fill="#0b6e75"/><path d="M9 7v18M23 7v18M9 13c5 5 9-2 14 3" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>';

export const ICON = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${MARK}</svg>`)}`;

const tile = (id: string, name: string): string =>
  `<section class="card tile" id="${id}"><h2>${name}</h2><div class="value">–</div><div class="of">&nbsp;</div><div class="bar" role="meter" aria-label="${name}"><i></i></div></section>`;

const series = (colour: string, name: string): string =>
  `<div><div class="value">–</div><div class="key ${colour}">${name}</div></div>`;

const chart = (id: string, name: string, one: [string, string], other: [string, string]): string =>
  `<section class="card chart" id="${id}"><h2>${name}<small></small></h2><div class="now">${series(...one)}${series(...other)}</div><svg viewBox="0 0 60 40" preserveAspectRatio="none" role="img" aria-label="${name}, last 60 seconds"><line x1="0" y1="40" x2="60" y2="40"/>${[
    one,
    other,
  ]
    .map(([colour]) => `<g class="${colour}"><polygon/><polyline/></g>`)
    .join('')}</svg></section>`;

const column = (sort: string, name: string, what: string, late = false): string =>
  `<th scope="col" data-sort="${sort}"${late ? ' class="late"' : ''}><button type="button" title="${what}">${name}</button></th>`;

const list = (id: string, name: string, columns: readonly string[], empty: string): string =>
  `<section class="card list"><h2>${name}</h2><table id="${id}"><thead><tr>${columns.map((each) => `<th scope="col">${each}</th>`).join('')}</tr></thead><tbody></tbody></table><p class="empty">${empty}</p></section>`;

/** What is between `<body>` and `</body>`, without scripts. It contains no data. */
export const MARKUP = `
<header><div>
  <h1><svg viewBox="0 0 32 32" aria-hidden="true">${MARK}</svg><span id="name">Hawser</span></h1>
  <span class="state" id="ready">…</span>
  <span class="state" id="load" hidden></span>
  <p id="facts"></p>
  <div id="right"><span class="state" id="status" role="status" data-level="warn">Connecting…</span><button class="button" id="pause" type="button" aria-pressed="false">Pause</button><button class="button danger" id="drain" type="button" hidden>Drain</button></div>
</div></header>
<main id="main" class="old">
  <div class="grid">
    ${tile('connections', 'Connections')}${tile('buffered', 'Buffered')}${tile('heap', 'Heap')}${tile('rss', 'Memory (RSS)')}${tile('loop', 'Loop busy')}${tile('delay', 'Loop delay p99')}
  </div>
  <div class="grid">
    ${chart('messages', 'Messages', ['a', 'in'], ['b', 'out'])}${chart('bytes', 'Wire bytes', ['a', 'in'], ['b', 'out'])}${chart('handshakes', 'Handshakes', ['a', 'accepted'], ['c', 'refused'])}
    <section class="card chart latency"><h2>Latency<small id="over"></small></h2><table><thead><tr><th></th><th scope="col">p50</th><th scope="col">p99</th></tr></thead><tbody><tr id="handler"><th scope="row">Handler</th><td>–</td><td>–</td></tr><tr id="rtt"><th scope="row">Ping round trip</th><td>–</td><td>–</td></tr></tbody></table></section>
  </div>
  <section class="card" id="cluster" hidden>
    <div class="tools"><h2>Servers</h2><span class="who" id="answered"></span><span class="state" id="engine" data-level="bad" hidden>Engine down</span></div>
    <div class="wide"><table id="nodes"><thead><tr><th scope="col">Server</th><th scope="col">State</th><th scope="col" title="Open and closing connections">Conns</th><th scope="col" title="Messages received per second">In/s</th><th scope="col" title="Messages sent per second">Out/s</th><th scope="col" title="Bytes that wait: queued output, unfinished and undelivered input">Queued</th><th scope="col" class="late">Uptime</th></tr></thead><tbody></tbody><tfoot><tr><th scope="row">Total</th><td></td><td></td><td></td><td></td><td></td><td class="late"></td></tr></tfoot></table></div>
  </section>
  <section class="card">
    <div class="tools"><h2>Connections</h2><span class="who" id="shown"></span><input id="filter" type="search" maxlength="200" placeholder="Filter: id, address, topic" aria-label="Filter connections" autocomplete="off" spellcheck="false"></div>
    <div class="wide"><table id="table"><thead><tr><th scope="col">Connection</th>${column('buffered', 'Buffered', 'Bytes that the client has not read: slowest first')}${column('in', 'In/s', 'Messages received per second')}${column('out', 'Out/s', 'Messages sent per second')}${column('rtt', 'RTT', 'Round-trip time of pings')}${column('age', 'Age', 'Oldest first', true)}${column('topics', 'Topics', 'Subscribed topics', true)}${column('dropped', 'Dropped', 'Messages dropped', true)}<th scope="col" class="acting" hidden></th></tr></thead><tbody></tbody></table></div>
    <p class="empty" id="none" hidden>No connection matches.</p>
  </section>
  <div class="grid">
    ${list('closes', 'Closes', ['cause', 'last minute', 'total'], 'No connection has ended.')}${list('refusals', 'Refused handshakes', ['code', 'last minute', 'total'], 'No handshake was refused.')}${list('topics', 'Largest topics', ['topic', 'subscribers'], 'No topic has a subscriber.')}
  </div>
  <section class="card"><h2>Events<small>newest first</small></h2><ol id="events"></ol><p class="empty" id="quiet">Nothing unusual has happened.</p></section>
</main>
<div id="notice" role="alert" hidden></div>
<dialog id="ask-token" aria-labelledby="token-title"><form method="dialog"><div><h2 id="token-title">Token</h2><p>This admin port needs its token. It stays in this tab until you close it.</p></div><label>Token<input id="token" type="password" required autocomplete="off" autofocus></label><div class="ends"><button class="button primary" type="submit">Continue</button></div></form></dialog>
<dialog id="ask-close" aria-labelledby="close-title"><form method="dialog"><div><h2 id="close-title">Close this connection?</h2><p></p></div><label>Code<select id="code"><option value="1012">1012 service restart: the client may reconnect at once</option><option value="1001">1001 going away</option><option value="1000">1000 normal</option><option value="1008">1008 policy violation</option></select></label><label>Reason<input id="reason" maxlength="100" autocomplete="off"></label><div class="ends"><button class="button" value="no" formnovalidate>Cancel</button><button class="button danger" value="yes">Close connection</button></div></form></dialog>
<dialog id="ask-capture" aria-labelledby="capture-title"><form method="dialog"><div><h2 id="capture-title">Capture this connection?</h2><p></p></div><label>Seconds<input id="seconds" type="number" min="1" max="600" value="10" required></label><label>Format<select id="format"><option value="jsonl">JSON lines, for hawser inspect</option><option value="pcapng">pcapng, for Wireshark: with payloads</option></select></label><label class="check"><input id="payloads" type="checkbox">Record payloads: they may be personal data</label><div class="ends"><button class="button" value="no" formnovalidate>Cancel</button><button class="button primary" value="yes">Capture</button></div></form></dialog>
<dialog id="ask-drain" aria-labelledby="drain-title"><form method="dialog"><div><h2 id="drain-title">Drain this server?</h2><p>It stops accepting clients, closes every connection with 1012, and shuts down. This cannot be undone.</p></div><div class="ends"><button class="button" value="no">Cancel</button><button class="button danger" value="yes">Drain and shut down</button></div></form></dialog>
`;
