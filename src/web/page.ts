/** The page: what the terminal is doing, its buttons, its latest events. One file, no build, nothing fetched from elsewhere. */

const style = `
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; font-size: 1.5rem; }
#state { font-weight: 600; }
#buttons button { font: inherit; font-size: 1.4rem; padding: 1rem 2rem; margin: 1rem .5rem 1rem 0; border-radius: .75rem; cursor: pointer; }
.lamp { display: inline-block; width: .8em; height: .8em; border-radius: 50%; border: 1px solid currentColor; margin: 0 .3em 0 1em; }
.lamp.on { background: #e33; }
.lamp.blink { animation: blink 1s steps(2, jump-none) infinite; }
@keyframes blink { from { background: #e33; } to { background: transparent; } }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td { padding: .15rem .6rem .15rem 0; vertical-align: top; border-top: 1px solid #8884; }
td:first-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
#problem { color: #c22; min-height: 1.4em; }`;

const script = `
const $ = (id) => document.getElementById(id);
const text = (tag, words) => { const e = document.createElement(tag); e.textContent = words; return e; };
async function command(body) {
  const answer = await fetch('/command', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const { ok, reason } = await answer.json();
  $('problem').textContent = ok ? '' : reason;
}
function show(status) {
  $('name').textContent = status.name;
  $('state').textContent = status.state;
  document.title = status.name + ': ' + status.state;
  $('buttons').replaceChildren(...Object.keys(status.buttons).map((button) => {
    const e = text('button', button);
    e.onclick = () => command({ command: 'press', button });
    return e;
  }), ...(status.calls.length ? [Object.assign(text('button', 'hang up'), { onclick: () => command({ command: 'hangup' }) })] : []));
  $('lamps').replaceChildren(...Object.entries(status.outputs).flatMap(([name, { on, blinkMs }]) => {
    const lamp = document.createElement('span');
    lamp.className = 'lamp' + (on ? blinkMs ? ' blink' : ' on' : '');
    return [lamp, name];
  }));
}
function tell(event) {
  const { id, type, time, monotonicMs, call, ...rest } = event;
  const row = document.createElement('tr');
  row.append(text('td', new Date(time).toLocaleTimeString([], { hour12: false, fractionalSecondDigits: 1 })), text('td', type),
    text('td', Object.entries(rest).map(([k, v]) => k + ': ' + v).join(', ')));
  $('events').prepend(row);
  while ($('events').rows.length > 50) $('events').deleteRow(-1);
}
const stream = new EventSource('/stream');
stream.addEventListener('status', (e) => show(JSON.parse(e.data)));
stream.addEventListener('event', (e) => tell(JSON.parse(e.data)));
stream.onerror = () => { $('state').textContent = 'no connection'; };
stream.onopen = () => { $('events').replaceChildren(); };`;

export const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Hailpoint</title>
<style>${style}</style></head>
<body><h1 id="name">Hailpoint</h1><p>State: <span id="state" aria-live="polite">…</span> <span id="lamps"></span></p>
<div id="buttons"></div><p id="problem" role="alert"></p><table><tbody id="events"></tbody></table>
<script>${script}</script></body></html>
`;
