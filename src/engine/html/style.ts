/** The style sheet of a report: the reader's light or dark scheme, and black on white on paper. */

const LIGHT = `--ground: #ffffff; --ink: #1f2328; --muted: #59636e; --rule: #d1d9e0; --panel: #f6f8fa;
  --mass: #0969da; --minus: #cf222e; --span: #1a7f37; --sink: #bc4c00; --mark: #fff2b3;`;

const DARK = `--ground: #0d1117; --ink: #e6edf3; --muted: #9198a1; --rule: #30363d; --panel: #151b23;
  --mass: #58a6ff; --minus: #ff7b72; --span: #3fb950; --sink: #f0883e; --mark: #5a4a00;`;

export const STYLE = `
:root { color-scheme: light; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { color-scheme: dark; ${DARK} } }
body { margin: 0 auto; max-width: 760px; padding: 24px 20px 48px; background: var(--ground); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 22px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 32px 0 8px; padding-top: 12px; border-top: 1px solid var(--rule); }
h3 { font-size: 13px; margin: 16px 0 4px; color: var(--muted); font-weight: 600; }
p { margin: 4px 0; max-width: 70ch; }
.lead, .note { color: var(--muted); }
svg { display: block; max-width: 100%; height: auto; }
svg text { font: 10px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); }
svg .note { fill: var(--muted); }
svg .on { fill: var(--ground); }
.mass { fill: var(--mass); } .faint { fill: var(--mass); fill-opacity: 0.35; }
.minus { fill: var(--minus); } .span { fill: var(--span); } .sink { fill: var(--sink); }
.outline { fill: none; stroke: var(--ink); stroke-width: 2; }
.rule { fill: none; stroke: var(--rule); } .marker { fill: none; stroke: var(--ink); }
.arc { fill: none; stroke: var(--mass); } .arc.minus { stroke: var(--minus); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 12px 2px 0; text-align: start; vertical-align: top; font-weight: 400; }
thead th { color: var(--muted); border-bottom: 1px solid var(--rule); }
.summary th { color: var(--muted); white-space: nowrap; }
.number { text-align: end; white-space: nowrap; }
.text { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: 12px;
  white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: isolate; }
.scroll .text { white-space: pre; }
mark { background: var(--mark); color: inherit; border-radius: 2px; outline: 1px solid var(--rule); }
.figures { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 8px 0; }
.figures div { min-width: 72px; }
dt { font-size: 12px; color: var(--muted); } dd { margin: 0; font-size: 16px; font-weight: 600; }
.quote { background: var(--panel); border: 1px solid var(--rule); border-radius: 4px; padding: 8px 12px; }
.key span::before { content: ""; display: inline-block; width: 10px; height: 3px; margin: 0 5px 3px 0;
  background: currentColor; vertical-align: middle; }
.key { font-size: 12px; display: flex; gap: 16px; }
.key .mass { color: var(--mass); } .key .span { color: var(--span); } .key .sink { color: var(--sink); }
summary { cursor: pointer; color: var(--muted); }
footer { margin-top: 40px; color: var(--muted); font-size: 12px; }
@media print {
  :root { color-scheme: light; ${LIGHT} }
  body { max-width: none; padding: 0; font-size: 11pt; }
  svg, tr, .figures, .quote { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
`;
