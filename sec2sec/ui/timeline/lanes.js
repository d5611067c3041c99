// Which lanes are open, under which reference the effect is shown, and all open ones stacked on one x-axis.
const L = {folds: remembered('folds', {}), reference: 0, parts: remembered('parts', {audio: true, video: true, interaction: false, whisker: true})};
const TITLE_PX = 20, GROUP_PX = 24, BOTTOM_PX = 40;
const folds = $('.s2s-folds');

function remembered(key, otherwise) {  // a browser may forbid storage
  try { return Object.assign(otherwise, JSON.parse(localStorage.getItem('sec2sec.' + key) || '{}')); } catch { return otherwise; }
}
function remember(key, value) {
  try { localStorage.setItem('sec2sec.' + key, JSON.stringify(value)); } catch { /* then it is forgotten with the page */ }
}
const groupOpen = key => key === 'evidence' || Boolean(L.folds['group ' + key]);
const laneOpen = meta => L.folds[meta.key] ?? meta.open;
function fold(key, open) {
  L.folds[key] = open;
  remember('folds', L.folds);
  drawTimeline().then(() => folds.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus());
}

// ---- stacking ---------------------------------------------------------------------------------------------------------
function stacked() {  // → rows from the top: headings and lanes with their place in px, and the height of all
  const rows = [];
  let top = 0;
  for (const [key, title] of S.data.groups) {
    const members = S.data.lanes.filter(lane => lane.layout.meta.group === key);
    if (!members.length) continue;
    if (title) {
      const along = members.filter(lane => lane.layout.meta.along).map(lane => lane.layout.meta.title).join(', ');  // said before anybody opens it
      rows.push({top, key: 'group ' + key, title: `${title} (${members.length})`, detail: along && `here with the effect: ${along}`, open: groupOpen(key), group: true});
      top += GROUP_PX;
    }
    if (!groupOpen(key)) continue;
    for (const lane of members) {
      const {meta, height} = lane.layout, open = laneOpen(meta);
      rows.push({top, key: meta.key, title: meta.title, detail: meta.detail, warning: meta.warning, open, lane});
      top += TITLE_PX + (open ? height : 0);
    }
  }
  return {rows, inner: top};
}
function figure() {
  const {rows, inner} = stacked(), drawn = rows.filter(row => row.lane && row.open), narrow = T.width < 520;
  const words = [...Array(count()).keys()].map(hoverWords), data = [], clip = S.data.clip;
  const layout = {
    width: T.width, height: inner + BOTTOM_PX, margin: {l: left(), r: RIGHT, t: 0, b: BOTTOM_PX},
    barmode: 'overlay', dragmode: false, hovermode: 'closest', shapes: [],
    xaxis: {range: T.view, dtick: tickStep((T.view[1] - T.view[0]) * (narrow ? 2.2 : 1)), tick0: 0, zeroline: false, anchor: 'free', position: 0,
      title: {text: clip.start ? `time in the analysed part, s (it begins at ${clip.start} s of the file)` : 'time, s', standoff: 4}},
  };
  drawn.forEach((row, i) => {
    const n = i ? i + 1 : '', {yaxis, shapes, height} = row.lane.layout, bottom = inner - row.top - TITLE_PX - height;
    layout['yaxis' + n] = Object.assign({}, yaxis, {domain: [Math.max(bottom / inner, 0), (bottom + height) / inner], anchor: 'x'});
    for (const trace of row.lane.data) data.push(shown(trace, row.lane, 'y' + n, words));
    for (const shape of shapes) layout.shapes.push(Object.assign({}, shape, {yref: 'y' + n}));
  });
  if (!drawn.length) layout.yaxis = {visible: false, anchor: 'x', domain: [0, 1]};
  if (clip.duration < count()) {  // what was padded is no sound and no picture
    layout.shapes.push({type: 'rect', xref: 'x', yref: 'paper', x0: clip.duration, x1: count(), y0: 0, y1: 1,
      fillcolor: 'rgba(128,138,153,0.22)', line: {width: 0}, layer: 'below'});
  }
  drawFolds(rows);
  return {data, layout: themed(layout)};
}
function hoverWords(s) {
  const end = S.data.clip.partial && s === count() - 1 ? ` (partial, ends at ${S.data.clip.duration.toFixed(2)} s)` : '';
  return `second ${s + 1}, ${secondWords(s)}${end}`;
}
function shown(trace, lane, axis, words) {
  const out = Object.assign({}, trace, {yaxis: axis});
  if (out.x.length === count()) out.customdata = words;
  const part = trace.meta?.part;
  if (!lane.layout.meta.key.startsWith('effect ') || !part) return out;
  if (part in L.parts) out.visible = L.parts[part];
  const target = S.data.targets.find(t => 'effect ' + t.name === lane.layout.meta.key), effects = target.references[L.reference];
  if (!effects) return out;  // nothing was measured but what the lane holds
  if (part === 'raises') out.y = effects.whole.map(v => (known(v) && v >= 0 ? v : null));
  else if (part === 'lowers') out.y = effects.whole.map(v => (known(v) && v < 0 ? v : null));
  else if (part in effects) out.y = effects[part];
  return out;
}
function drawFolds(rows) {
  folds.replaceChildren(...rows.map(row => make('button', {
    type: 'button', class: 's2s-fold' + (row.group ? ' is-group' : ''), 'data-key': row.key, 'aria-expanded': String(row.open),
    style: `top:${row.top}px`, title: row.detail, onclick: () => fold(row.key, !row.open),
  }, make('i', {'aria-hidden': 'true'}, row.open ? '▾' : '▸'), make('b', {}, row.title), row.warning ? make('em', {}, ' ⚠ ' + row.warning) : null,
  row.detail ? make('span', {}, ' ' + row.detail) : null)));
}

// ---- the legend, which also chooses what the effect lanes show ----------------------------------------------------------
function drawLegend() {
  const {clip, targets, unfamiliar} = S.data, references = targets[0]?.references || [], line = count() > 60 ? ' is-line' : '';  // as plots/ draws them
  const key = (mark, words) => make('span', {}, make('i', {class: mark}), words);
  const items = [key('s2s-key-up', 'raises the prediction'), key('s2s-key-down', 'lowers it')];
  if (clip.has_audio && clip.has_video) {
    items.push(part('audio', 's2s-key-sound' + line, 'effect of the sound alone'), part('video', 's2s-key-picture' + line, 'of the picture alone'));
    if (references.length) items.push(part('interaction', 's2s-key-interaction' + line, 'of both together, beyond each alone'));
  }
  if (references.length > 1) items.push(part('whisker', 's2s-key-whisker', 'spread over what stands in its place'));
  if (unfamiliar.seconds.length) items.push(key('s2s-key-unfamiliar', 'unfamiliar to the model'));
  if (clip.partial) items.push(key('s2s-key-partial', 'last second: only a part'));
  if (references.length > 1) {
    const select = make('select', {onchange: event => { L.reference = Number(event.target.value); drawTimeline(); }});
    references.forEach((r, i) => select.append(make('option', {value: i, selected: i === L.reference}, r.reference)));
    items.unshift(make('label', {class: 's2s-choice'}, 'What stands in place of a second: ', select));
  }
  $('.s2s-legend').replaceChildren(...items);
}
function part(name, mark, words) {
  const input = make('input', {type: 'checkbox', checked: L.parts[name], onchange: event => {
    L.parts[name] = event.target.checked;
    remember('parts', L.parts);
    drawTimeline();
  }});
  return make('label', {}, input, make('i', {class: mark}), words);
}

// ---- seconds of which the model can say little --------------------------------------------------------------------------
function drawUnfamiliar() {
  const {seconds, words} = S.data.unfamiliar, runs = [];
  for (const s of seconds) {
    if (runs.length && runs.at(-1)[1] === s) runs.at(-1)[1] = s + 1;
    else runs.push([s, s + 1]);
  }
  $('.s2s-hatches').replaceChildren(...runs.map(([from, to]) => make('i', {'data-from': from, 'data-to': to})));
  const list = $('.s2s-unfamiliar');
  list.hidden = !words.length;
  list.replaceChildren(make('b', {}, 'Unfamiliar to the model: '), words.slice(0, 12).join(' · ') + (words.length > 12 ? ` · and ${words.length - 12} more, in the table` : ''));
}
function placeUnfamiliar() {
  for (const mark of $('.s2s-hatches').children) {
    const from = Math.max(xOf(Number(mark.dataset.from)), left()), to = Math.min(xOf(Number(mark.dataset.to)), T.width - RIGHT);
    mark.hidden = to <= from;
    Object.assign(mark.style, {left: from + 'px', width: Math.max(to - from, 1) + 'px'});
  }
}
