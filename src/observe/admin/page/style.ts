/** Style of the admin page: light or dark as the viewer's system setting, one column on phones. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f3f5f4; --panel: #ffffff; --ink: #17211f; --faint: #5d6b68; --line: #dbe2e0; --track: #e6ecea;
  --accent: #0b6e75; --on-accent: #ffffff; --second: #5b54c4; --good: #1a7f4b; --warn: #a15c00; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1514; --panel: #182120; --ink: #e6edeb; --faint: #93a29e; --line: #2a3634; --track: #263230;
    --accent: #4fc3c7; --on-accent: #06201f; --second: #a8a1ff; --good: #58c78a; --warn: #e0a24a; --bad: #f2877f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: var(--ground); color: var(--ink);
  font-variant-numeric: tabular-nums;
}
button, input, select { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
[hidden] { display: none !important; }
header { position: sticky; top: 0; z-index: 2; background: var(--panel); border-bottom: 1px solid var(--line); }
header > div, main { max-width: 82rem; margin: 0 auto; padding: 0 1.25rem; }
header > div { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem 1rem; padding-block: .65rem; }
h1 { display: flex; align-items: center; gap: .6rem; font-size: 1.05rem; margin: 0; min-width: 0; }
h1 svg { width: 1.7rem; height: 1.7rem; flex: none; }
h1 span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.state { display: inline-flex; align-items: center; gap: .4rem; border-radius: 999px; padding: .12rem .7rem; font-size: .85rem; font-weight: 600; color: var(--faint); background: var(--track); }
.state::before { content: ""; width: .55rem; height: .55rem; border-radius: 50%; background: currentColor; }
.state[data-level=good] { color: var(--good); background: color-mix(in srgb, var(--good) 13%, transparent); }
.state[data-level=warn] { color: var(--warn); background: color-mix(in srgb, var(--warn) 13%, transparent); }
.state[data-level=bad] { color: var(--bad); background: color-mix(in srgb, var(--bad) 13%, transparent); }
#facts { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; color: var(--faint); font-size: .85rem; }
#facts b { color: var(--ink); font-weight: 600; }
#right { display: flex; align-items: center; gap: .6rem; margin-left: auto; }
.button { border: 1px solid var(--line); border-radius: .55rem; background: var(--panel); padding: .2rem .7rem; font-size: .85rem; cursor: pointer; white-space: nowrap; }
.button:hover { border-color: var(--accent); }
.button.danger { color: var(--bad); }
.button.danger:hover { border-color: var(--bad); }
.button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
.button:disabled { opacity: .5; cursor: default; }
main { padding-block: 1.1rem 3rem; display: grid; gap: 1rem; }
main.old { opacity: .55; transition: opacity .4s; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: .9rem; padding: .85rem 1rem; min-width: 0; }
.card h2 { display: flex; align-items: baseline; gap: .5rem; margin: 0; font-size: .85rem; font-weight: 600; color: var(--faint); }
.card h2 small { font-weight: 400; font-size: .8rem; margin-left: auto; }
.tile { grid-column: span 2; }
.tile .value { font-size: 1.45rem; font-weight: 650; letter-spacing: -.01em; line-height: 1.25; margin-top: .15rem; white-space: nowrap; }
.tile .of { color: var(--faint); font-size: .8rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bar { height: .4rem; border-radius: .2rem; background: var(--track); overflow: hidden; margin-top: .55rem; }
.bar i { display: block; height: 100%; width: 0; border-radius: inherit; background: var(--accent); transition: width .4s; }
.bar i.warn { background: var(--warn); }
.bar i.bad { background: var(--bad); }
.chart { grid-column: span 3; }
.chart .now { display: flex; gap: 1.1rem; margin-top: .15rem; }
.chart .now div { min-width: 0; }
.chart .value { font-size: 1.2rem; font-weight: 650; white-space: nowrap; }
.chart .key { display: flex; align-items: center; gap: .35rem; font-size: .78rem; color: var(--faint); white-space: nowrap; }
.chart .key::before { content: ""; width: .7rem; height: .18rem; border-radius: .1rem; background: var(--colour); }
.chart svg { display: block; width: 100%; height: 3.4rem; margin-top: .5rem; overflow: visible; }
.chart polyline { fill: none; stroke: var(--colour); stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.chart polygon { fill: var(--colour); opacity: .12; }
.chart line { stroke: var(--line); vector-effect: non-scaling-stroke; }
.a { --colour: var(--accent); } .b { --colour: var(--second); } .c { --colour: var(--bad); }
.latency table { width: 100%; margin-top: .5rem; }
.latency td, .latency th { padding: .28rem 0; border: 0; font-size: .9rem; }
.latency td { font-weight: 650; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-bottom: .6rem; }
.tools h2 { font-size: 1rem; color: var(--ink); }
.tools input { flex: 1 1 14rem; max-width: 24rem; margin-left: auto; border: 1px solid var(--line); border-radius: .55rem; background: var(--ground); padding: .3rem .7rem; }
.wide { overflow: auto; max-height: 33rem; margin: 0 -1rem -.4rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: right; padding: .42rem .6rem; border-top: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--panel); border-top: 0; padding-block: .2rem; color: var(--faint); font-weight: 500; font-size: .8rem; }
thead button { border: 0; background: none; padding: 0; color: inherit; cursor: pointer; font-size: inherit; }
thead button:hover { color: var(--ink); }
th[aria-sort=descending] button { color: var(--accent); font-weight: 650; }
th[aria-sort=descending] button::after { content: " \\2193"; }
td.zero { color: var(--faint); }
td .bar { width: 4.5rem; margin: .2rem 0 0 auto; height: .25rem; }
#nodes td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 6.5rem; }
.level { font-weight: 600; }
.level.good { color: var(--good); } .level.warn { color: var(--warn); } .level.bad { color: var(--bad); }
tfoot th, tfoot td { font-weight: 650; border-top-width: 2px; }
tfoot th { text-align: left; }
.id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .82rem; }
.who { color: var(--faint); font-size: .82rem; overflow-wrap: anywhere; }
td .who { display: inline; margin-left: .7rem; }
.chip { display: inline-block; border-radius: .35rem; padding: 0 .4rem; margin-left: .4rem; font-size: .75rem; background: var(--track); color: var(--faint); }
.acts { display: flex; gap: .4rem; justify-content: flex-end; }
.list { grid-column: span 4; }
.list table { margin-top: .45rem; }
.list td:first-child { white-space: normal; overflow-wrap: anywhere; }
.list tr td { padding-block: .3rem; }
.empty { color: var(--faint); font-size: .88rem; margin: .6rem 0 .1rem; }
#events { list-style: none; margin: .5rem 0 0; padding: 0; max-height: 26rem; overflow-y: auto; }
#events li { display: grid; grid-template-columns: 5rem 8.2rem minmax(0, 1fr) auto; gap: 0 .8rem; padding: .32rem 0; border-top: 1px solid var(--line); font-size: .88rem; }
#events time, #events .who { color: var(--faint); }
#events .kind { color: var(--faint); font-weight: 600; }
#events .warn .kind { color: var(--warn); }
#events .error .kind { color: var(--bad); }
#events .text { overflow-wrap: anywhere; }
dialog { border: 1px solid var(--line); border-radius: 1rem; background: var(--panel); color: var(--ink); width: min(27rem, calc(100vw - 2rem)); padding: 1.4rem; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog h2 { margin: 0 0 .3rem; font-size: 1.2rem; }
dialog p { margin: 0 0 1rem; color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
dialog form { display: grid; gap: .8rem; }
dialog label { display: grid; gap: .25rem; font-size: .85rem; color: var(--faint); }
dialog label.check { display: flex; align-items: center; gap: .5rem; }
dialog input:not([type=checkbox]), dialog select { border: 1px solid var(--line); border-radius: .55rem; background: var(--ground); color: var(--ink); padding: .45rem .7rem; font-size: 1rem; min-width: 0; }
dialog .ends { display: flex; justify-content: flex-end; gap: .6rem; }
dialog .button { padding: .4rem 1rem; font-size: .95rem; }
#notice { position: fixed; bottom: 1.2rem; left: 50%; translate: -50% 0; z-index: 3; max-width: calc(100vw - 2rem); border-radius: .7rem; padding: .55rem 1.1rem; background: var(--ink); color: var(--ground); font-size: .9rem; box-shadow: 0 4px 18px rgb(0 0 0 / .3); }
@media (max-width: 68rem) {
  .tile { grid-column: span 4; } .chart { grid-column: span 6; } .list { grid-column: span 6; } .list:last-child { grid-column: span 12; }
}
@media (max-width: 44rem) {
  header { position: static; }
  header > div, main { padding-inline: .8rem; }
  #right { margin-left: 0; }
  .grid, main { gap: .7rem; }
  .tile { grid-column: span 6; } .chart, .list { grid-column: 1 / -1; }
  .tile .value { font-size: 1.2rem; }
  .late, td .chip.protocol { display: none; }
  td .who { display: block; margin: 0; }
  .level { white-space: normal; }
  #nodes td:first-child { min-width: 4.5rem; }
  #nodes :is(td, th) { padding-inline: .22rem; }
  #nodes :is(td, th):first-child { padding-left: 0; }
  .wide { max-height: 26rem; }
  th, td { padding-inline: .35rem; }
  td .bar { width: 3rem; }
  .acts .button { padding: .05rem .5rem; font-size: .78rem; }
  .tools input { max-width: none; margin-left: 0; flex-basis: 100%; font-size: 16px; }
  #events li { grid-template-columns: auto minmax(0, 1fr); gap: 0 .7rem; }
  #events .text, #events .who { grid-column: 1 / -1; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;
