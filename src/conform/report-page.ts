/** Styles of the page: light or dark, as set in the reader's system. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#dfe3e9;--pass:#1a7f4b;--fail:#c62f3d;--non-strict:#a86400;--informational:#2a6db0;--skipped:#7a8594;--us:#2a6db0;--peer:#7a4bb0}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2028;--ink:#e4e9f0;--soft:#98a4b3;--line:#2c3440;--pass:#4cc38a;--fail:#ff6b76;--non-strict:#f0b04f;--informational:#6cb2f7;--skipped:#8b96a5;--us:#6cb2f7;--peer:#c09bf0}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:24px 20px 60px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}.kind{margin:0;color:var(--soft);font-size:13px;letter-spacing:.04em;text-transform:uppercase}.outcome{font-size:18px;font-weight:600;margin:8px 0}.about{color:var(--soft);margin:2px 0;font-size:13px}
.pass{color:var(--pass)}.fail{color:var(--fail)}.non-strict{color:var(--non-strict)}.informational{color:var(--informational)}.skipped{color:var(--skipped)}
nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:10px;align-items:center;padding:12px 0;background:var(--bg);border-bottom:1px solid var(--line)}
.chips{display:flex;flex-wrap:wrap;gap:6px}button,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:5px 11px}button{cursor:pointer}input{flex:1;min-width:180px}
.chip{color:var(--soft);opacity:.55}.chip[aria-pressed=true]{opacity:1;border-color:currentColor}.chip[aria-pressed=true].pass{color:var(--pass)}.chip[aria-pressed=true].fail{color:var(--fail)}.chip[aria-pressed=true].non-strict{color:var(--non-strict)}.chip[aria-pressed=true].informational{color:var(--informational)}.chip[aria-pressed=true].skipped{color:var(--skipped)}
:focus-visible{outline:2px solid var(--informational);outline-offset:2px}
.group h2{display:flex;align-items:center;gap:10px;font-size:17px;margin:28px 0 8px}.group h2 small{color:var(--soft);font-weight:400;font-size:13px}.bar{flex:1;display:flex;gap:2px;height:6px;max-width:320px;margin-left:auto}.bar i{background:currentColor;border-radius:3px;min-width:4px}
.case{background:var(--card);border:1px solid var(--line);margin-top:-1px}.case[open]{padding-bottom:12px}
summary{display:flex;gap:12px;align-items:baseline;padding:7px 12px;cursor:pointer;list-style:none}summary::-webkit-details-marker{display:none}summary:hover{background:color-mix(in srgb,var(--line) 35%,transparent)}
.verdict{flex:0 0 96px;font-size:12.5px;font-weight:600}.id{flex:0 0 252px;font-size:12.5px;overflow-wrap:anywhere}.title{flex:1}.section{flex:0 0 auto;color:var(--soft);font-size:12.5px}
code,.bytes{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}dl{display:grid;grid-template-columns:96px 1fr;gap:4px 12px;margin:4px 12px 10px;font-size:13.5px}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.bytes{width:calc(100% - 24px);margin:0 12px;border-collapse:collapse;font-size:12px}.bytes td{padding:3px 8px 3px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}.bytes td:first-child{width:44px;font-weight:600}.bytes td:nth-child(2){width:42%}.us td:first-child{color:var(--us)}.peer td:first-child{color:var(--peer)}.bytes code{color:var(--soft)}
footer{margin-top:32px;color:var(--soft);font-size:13px}[hidden]{display:none!important}
@media (max-width:680px){summary{flex-wrap:wrap;gap:2px 10px}.id,.verdict{flex-basis:auto}.title{flex-basis:100%}.bytes td{display:block;width:auto!important;border:0;padding:1px 0}.bytes tr{display:block;border-top:1px solid var(--line);padding:4px 0}.bar{display:none}}
@media print{nav{display:none}}
`;

/** Filters cases by verdict and words. Without scripts the page shows all cases. */
export const SCRIPT = `
const chips=[...document.querySelectorAll('[data-filter]')],cases=[...document.querySelectorAll('.case')],search=document.querySelector('input'),fold=document.querySelector('#fold');
function show(){const on=new Set(chips.filter(c=>c.getAttribute('aria-pressed')==='true').map(c=>c.dataset.filter)),words=search.value.toLowerCase().split(/\\s+/).filter(Boolean);let any=false;
for(const one of cases){one.hidden=!on.has(one.dataset.verdict)||!words.every(w=>one.dataset.search.includes(w));any||=!one.hidden}
for(const group of document.querySelectorAll('.group'))group.hidden=!group.querySelector('.case:not([hidden])');document.querySelector('#none').hidden=any}
for(const chip of chips)chip.addEventListener('click',()=>{chip.setAttribute('aria-pressed',String(chip.getAttribute('aria-pressed')!=='true'));show()});
search.addEventListener('input',show);fold.addEventListener('click',()=>{const open=fold.textContent==='Open all';for(const one of cases)if(!one.hidden)one.open=open;fold.textContent=open?'Close all':'Open all'});show();
`;
