// Polls the server about the trainings while the view is on screen, and draws what changed. Joined after timeline/shared.js.
const V = {visitor: null, run: null, signature: null, runs: [], now: null, examples: [], stills: {}, epoch: 0, follow: true,
  playing: 0, timer: 0, asking: false};
const EVERY = 1000;  // ms between two questions
const controller = new AbortController(), listen = {signal: controller.signal};

// ---- asking ---------------------------------------------------------------------------------------------------------
const seen = () => element.isConnected && root.offsetParent !== null && !document.hidden;
async function ask() {
  clearTimeout(V.timer);
  if (!element.isConnected) { controller.abort(); sizes.disconnect(); skin.disconnect(); return; }
  V.timer = setTimeout(ask, EVERY);
  if (!seen() || !V.visitor || V.asking) return;
  V.asking = true;
  const run = V.run;
  try {
    const answer = await server.standing({visitor: V.visitor, run, since: V.examples.length, signature: V.signature});
    if (run === V.run) take(answer);  // else another was chosen meanwhile
    if (V.lost) { V.lost = false; tell(''); }
  } catch {
    V.lost = true;
    tell('The server does not answer. A training goes on without it; this page keeps asking.');
  }
  V.asking = false;
}
function take(answer) {
  if (!answer || answer.error) { tell(answer ? answer.error : ''); return; }
  if (answer.signature === V.signature) return;
  V.signature = answer.signature;
  V.runs = answer.runs;
  const now = answer.run, other = !now || !V.now || now.id !== V.now.id;
  V.now = now;
  V.run = now ? now.id : null;
  $('.tr-empty').hidden = Boolean(now);
  $('.tr-body').hidden = !now;
  drawRuns();
  if (!now) return;
  if (other || now.since < V.examples.length) { V.examples.length = now.since; Object.assign(V, {stills: {}, follow: true, asked: false}); }
  V.examples.push(...now.examples);
  drawRun();
  drawCharts();
  drawLearning(other);
  if (!V.asked && V.examples.length) {
    V.asked = true;
    const run = V.run;
    server.stills({visitor: V.visitor, run}).then(found => { if (run === V.run) { V.stills = found; drawClips(); } }, () => {});
  }
}
async function act(what, sure) {
  if (sure && !confirm(sure)) return;
  tell('');
  let answer = null;
  try { answer = await server.act({visitor: V.visitor, run: V.run, what}); } catch { answer = {error: 'The server does not answer.'}; }
  if (answer && answer.error) tell(answer.error);
  if (answer && answer.file) download(answer.file, answer.name);
  if (what === 'remove' && !(answer && answer.error)) choose(null);
  V.signature = null;
  ask();
}
function download(path, name) {
  const at = ((window.gradio_config && window.gradio_config.root) || '').replace(/\/$/, '');
  const link = make('a', {href: at + '/gradio_api/file=' + path, download: name});
  document.body.append(link);
  link.click();
  link.remove();
}
function choose(run) {
  Object.assign(V, {run, signature: null, examples: [], stills: {}, asked: false, epoch: 0, follow: true});
  stopPlaying();
  V.asking = false;
  ask();
}
function tell(words) { $('.tr-said').textContent = words; }

// ---- the list and the chosen training -------------------------------------------------------------------------------
const MARKS = {done: '✓', failed: '✕', dead: '✕', stopped: '❚❚', waiting: '…'};
function drawRuns() {
  const host = $('.tr-runs'), had = host.contains(document.activeElement) ? document.activeElement.dataset.run : null;
  host.replaceChildren(...V.runs.map(run => {
    const on = V.now !== null && run.id === V.now.id;
    return make('button', {type: 'button', role: 'radio', 'aria-checked': String(on), tabindex: on ? 0 : -1, 'data-run': run.id,
      class: 'tr-entry', onclick: () => choose(run.id)},
      make('b', {}, run.title), make('span', {}, `${MARKS[run.stage] || '●'} ${run.words}`),
      make('small', {}, new Date(1000 * run.created).toLocaleString([], {dateStyle: 'short', timeStyle: 'short'})));
  }));
  const again = had && [...host.children].find(entry => entry.dataset.run === had);
  if (again) again.focus();
}
$('.tr-runs').addEventListener('keydown', event => {
  const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  const entries = [...$('.tr-runs').children], to = entries[entries.indexOf(document.activeElement) + step];
  if (to) { to.focus(); choose(to.dataset.run); }
}, listen);

const ACTIONS = [
  ['open', 'Open in Inspect', null], ['download', 'Download checkpoint', null], ['stop', 'Stop', null],
  ['finish', 'Finish now', null], ['resume', 'Resume', null],
  ['remove', 'Remove', 'Remove this training with its model? This cannot be undone.'],
];
const HINTS = {stop: 'Resume goes on later as if nothing had happened', finish: 'Ends it and keeps the best weights so far'};
function drawRun() {
  const now = V.now;
  $('.tr-title').textContent = now.title;
  root.dataset.stage = now.stage;
  $('.tr-label').textContent = now.label;
  $('.tr-message').textContent = [now.message.replace(/^./, c => c.toUpperCase()), now.left].filter(Boolean).join(', ');
  const meter = $('.tr-meter');
  meter.hidden = !known(now.fraction) || now.stage === 'done';
  $('i', meter).style.width = 100 * Math.min(now.fraction || 0, 1) + '%';
  meter.setAttribute('aria-valuenow', Math.round(100 * (now.fraction || 0)));
  $('.tr-sentence').textContent = now.sentence;
  const wanted = ACTIONS.filter(([what]) => now.can[what]), host = $('.tr-actions');
  if (host.dataset.shown !== wanted.map(a => a[0]).join()) {  // a button must not vanish under a finger
    host.dataset.shown = wanted.map(a => a[0]).join();
    host.replaceChildren(...wanted.map(([what, words, sure]) => make('button', {type: 'button', class: 's2s-button', 'data-act': what,
      title: HINTS[what] || null, onclick: () => (what === 'open' ? trigger('select', {run: V.run}) : act(what, sure))}, words)));
  }
  drawTable(now.table);
}
const figure3 = value => (known(value) ? value.toFixed(3) : '–');
function drawTable(table) {
  const host = $('.tr-figures');
  host.hidden = !table;
  if (!table) return;
  const cells = ([name, metric, score, trivial, gain, interval]) => [name, metric.replace(/_/g, ' '), figure3(score), figure3(trivial),
    signed(gain) + (interval ? ` (${signed(interval[0])} to ${signed(interval[1])})` : '')];
  const line = (row, tag) => make('tr', {}, ...row.map((cell, i) => make(i && tag === 'td' ? 'td' : 'th', {scope: i ? 'col' : 'row'}, cell)));
  const interval = table.rows.some(row => row[5]);
  const note = interval ? ' In brackets: 95 % interval; one that holds 0 may be chance.' : '';
  host.replaceChildren(make('p', {class: 's2s-note'}, `${table.caption}. ${table.note}${note}`), make('table', {}, make('thead', {}, line(['target', 'measure', 'model', 'best trivial answer', 'gain'], 'th')),
    make('tbody', {}, ...table.rows.map(row => line(cells(row), 'td')))));
}

// ---- curves ---------------------------------------------------------------------------------------------------------
const charts = [...root.querySelectorAll('.tr-plot')];
async function drawCharts() {
  const now = V.now;
  $('.tr-charts').hidden = !(now && now.figures);
  if (!now || !now.figures) return;
  for (const host of charts) {  // before plotly is there: what stands below must not jump when it comes
    const figure = now.figures[host.dataset.plot];
    host.style.height = figure.layout.height + 'px';
    host.parentElement.querySelector('.tr-legend').replaceChildren(...figure.data.map(key));
  }
  const P = await plotly();
  if (V.now !== now) return;
  for (const host of charts) {
    const figure = now.figures[host.dataset.plot];
    if (!host.clientWidth) continue;
    const layout = themed(figure.layout);
    layout.width = host.clientWidth;
    layout.shapes = marker();
    host.setAttribute('aria-label', describe(figure));
    await P.react(host, figure.data, layout, CONFIG);
  }
  root.dataset.epochs = now.epochs;
}
const marker = () => (V.epoch ? [{type: 'line', x0: V.epoch, x1: V.epoch, y0: 0, y1: 1, yref: 'paper', layer: 'below',
  line: {width: 8, color: dark() ? 'rgba(255,255,255,.13)' : 'rgba(40,60,90,.13)'}}] : []);
async function mark() {
  const P = await plotly();
  for (const host of charts) if (host.data) P.relayout(host, {shapes: marker()});
}
const describe = figure => figure.data.map(line => {
  const last = line.y[line.y.length - 1];
  return `${line.name} ${known(last) ? last.toFixed(3) : 'unknown'}`;
}).join(', ') + `, after epoch ${V.now.epochs}`;
const SYMBOLS = {circle: '●', square: '■', star: '★', 'square-open': '□', 'diamond-open': '◇', 'triangle-up-open': '△',
  'x-thin-open': '×', 'star-open': '☆', 'hexagon-open': '⬡'};
function key(line) {
  const sign = line.line && line.line.dash === 'dash' ? '╌╌' : (line.mode === 'lines' ? '──' : SYMBOLS[line.marker.symbol] || '●');
  return make('span', {}, make('b', {style: `color:${line.marker.color}`, 'aria-hidden': 'true'}, sign), line.name);
}

const sizes = new ResizeObserver(() => { if (V.now && root.offsetParent) drawCharts(); });
sizes.observe(root);
let wasDark = dark();
const skin = new MutationObserver(() => { if (dark() !== wasDark) { wasDark = dark(); drawCharts(); } });
skin.observe(document.body, {attributes: true, attributeFilter: ['class']});

// ---- the value from Python: {visitor, run}: who asks, and which training was just started ------------------------------
function load() {
  let said = null;
  try { said = props.value ? JSON.parse(props.value) : null; } catch { said = null; }
  if (!said) return;
  V.visitor = said.visitor;
  if (said.run) choose(said.run); else ask();
}
document.addEventListener('visibilitychange', () => { if (seen()) ask(); }, listen);
