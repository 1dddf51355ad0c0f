/** Look of the report: light or dark as the reader's system, for screens, phones and paper. */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6675;--line:#dfe3e9;--main:#0b6e75;--second:#b4530a;--pass:#1a7f4b;--fail:#c62f3d;--warn:#a86400}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2028;--ink:#e4e9f0;--soft:#98a4b3;--line:#2c3440;--main:#4fc3c7;--second:#f0a35e;--pass:#4cc38a;--fail:#ff6b76;--warn:#f0b04f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1120px;padding:24px 20px 60px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:26px;margin:0 0 4px;overflow-wrap:anywhere}.kind{margin:0;color:var(--soft);font-size:13px;letter-spacing:.04em;text-transform:uppercase}.outcome{font-size:18px;font-weight:600;margin:8px 0}.about{color:var(--soft);margin:2px 0;font-size:13px}
.pass{color:var(--pass)}.fail{color:var(--fail)}
.remark{margin:12px 0 0;padding:8px 12px;border-left:3px solid var(--warn);background:var(--card);border-radius:0 8px 8px 0;font-size:14px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:10px;margin:20px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 14px}.tile span{display:block;color:var(--soft);font-size:12.5px}.tile b{display:block;font-size:22px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}.tile small{color:var(--soft);font-size:12.5px}.tile.fail{border-color:var(--fail)}.tile.fail b{color:var(--fail)}.tile.pass b{color:var(--pass)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:14px}
figure,.card{margin:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}figcaption,h2{font-size:15px;font-weight:600;margin:0 0 6px;display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline}figcaption small{font-weight:400;color:var(--soft);font-size:12.5px}
.key{font-weight:400;font-size:12.5px;color:var(--soft)}.key::before{content:"";display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;background:var(--main)}.key.second::before{background:var(--second)}
svg{display:block;width:100%;height:auto;overflow:visible;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}svg text{fill:var(--soft);font-variant-numeric:tabular-nums}.y{text-anchor:end}.x{text-anchor:middle}.x.edge{text-anchor:start}
.grid{stroke:var(--line)}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.line.main{stroke:var(--main)}.line.second{stroke:var(--second)}.dot.main{fill:var(--main)}.dot.second{fill:var(--second)}.area{opacity:.14}.area.main{fill:var(--main)}.area.second{fill:var(--second)}.bar{fill:var(--main)}
line.mark{stroke-dasharray:5 4;stroke-width:1.5}line.mark.limit{stroke:var(--fail)}line.mark.plan{stroke:var(--soft)}text.mark{text-anchor:end;paint-order:stroke;stroke:var(--card);stroke-width:3px}svg text.mark.limit{fill:var(--fail)}
.hover rect:first-child{fill:transparent}.hover line{stroke:var(--soft);opacity:0}.hover:hover line{opacity:.7}.hover:hover .bar{fill:var(--second)}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:14px;margin-top:14px}
table{width:100%;border-collapse:collapse;font-size:14px}td,th{padding:4px 0;border-top:1px solid var(--line);text-align:left;font-weight:400}tr:first-child>*{border-top:0}th{color:var(--soft);white-space:nowrap;padding-right:16px}td{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
@media (max-width:520px){body{padding:16px 12px 40px}h1{font-size:21px}svg{font-size:15px}.tile b{font-size:19px}.tiles{grid-template-columns:1fr 1fr}}
@media print{body{max-width:none}figure,.card,.tile{break-inside:avoid}}
`;
