// Runs inside gr.HTML(js_on_load=…): element, trigger, props and watch are given by gradio. The server keeps the edits;
// here are the selection and the drawing.
const root = element.querySelector('.lab');
const $ = selector => root.querySelector(selector);
const L = {data: null, stills: [], picked: new Set(), anchor: 0, focus: 0, busy: false, tiles: [], drag: null};
const SLOW = ['freeze', 'blur', 'soundtrack'];  // they may need pixels or sound decoded: queued, with progress

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);  // text, never HTML: names are not ours
  return node;
}
const figure = value => value.toFixed(3);
const signed = value => (value < -0.0005 ? '−' : value > 0.0005 ? '+' : '±') + Math.abs(value).toFixed(3);
const count = () => L.data.seconds.length;
const chosen = () => [...L.picked].filter(s => s < count()).sort((a, b) => a - b);

function load() {
  let data = null;
  try { data = props.value ? JSON.parse(props.value) : null; } catch { data = null; }
  L.busy = false;
  delete root.dataset.busy;
  const first = data && data.stills;
  if (first) L.stills = data.stills;
  L.data = data;
  $('.lab-empty').hidden = Boolean(data);
  $('.lab-body').hidden = !data;
  if (!data) { root.removeAttribute('data-serial'); return; }
  if (first) {
    // the second that Inspect shows is what a visitor comes to change
    const shown = Number(document.querySelector('.s2s')?.dataset.selected ?? 0);
    L.picked = new Set(shown >= 0 && shown < count() ? [shown] : [0]);
    L.anchor = L.focus = [...L.picked][0];
  }
  L.picked = new Set(chosen());
  L.anchor = Math.min(L.anchor, count() - 1);
  L.focus = Math.min(L.focus, count() - 1);
  $('.lab-name').textContent = data.clip.name;
  $('.lab-model').textContent = data.model;
  const said = $('.lab-said');
  said.hidden = !data.refused;
  said.textContent = data.refused ? 'Not possible: ' + data.refused : '';
  drawStrip();
  drawBars();
  drawList();
  drawTable();
  drawTracks();
  enable();
  root.dataset.serial = data.serial;
}

// ---- seconds
function drawStrip() {
  const strip = $('.lab-strip');
  while (L.tiles.length > count()) L.tiles.pop().remove();
  while (L.tiles.length < count()) {
    const index = L.tiles.length;
    const tile = make('button', {type: 'button', class: 'lab-tile'}, make('i'), make('b'), make('small'));
    tile.addEventListener('click', event => {
      if (event.detail && L.drag?.moved) return;  // it ends a drag back to where that began; a key's click has no detail
      pick(index, event.shiftKey);
    });
    L.tiles.push(tile);
    strip.append(tile);
  }
  L.data.seconds.forEach((second, s) => {
    const tile = L.tiles[s], still = second.still === null ? null : L.stills[second.still];
    if (tile.dataset.still !== String(second.still)) {
      tile.dataset.still = second.still;
      tile.firstChild.style.backgroundImage = still ? `url(data:image/jpeg;base64,${still})` : 'none';
    }
    tile.firstChild.className = second.marks.includes('blurred') ? 'is-blurred' : '';
    tile.children[1].textContent = s + 1;
    tile.children[2].textContent = second.marks.join(', ');
    tile.setAttribute('aria-label', `second ${s + 1}` + (second.marks.length ? ': ' + second.marks.join(', ') : ''));
  });
  mark();
}
function mark() {
  L.tiles.forEach((tile, s) => {
    tile.setAttribute('aria-pressed', String(L.picked.has(s)));
    tile.tabIndex = s === L.focus ? 0 : -1;
  });
  const n = chosen().length;
  $('.lab-count').textContent = n ? `${n} of ${count()} selected` : 'none selected';
}
function pick(second, range) {
  if (range) {
    const on = L.picked.has(L.anchor) || !L.picked.has(second);
    for (let s = Math.min(L.anchor, second); s <= Math.max(L.anchor, second); s++) {
      if (on) L.picked.add(s); else L.picked.delete(s);
    }
  } else if (!L.picked.delete(second)) L.picked.add(second);
  L.anchor = L.focus = second;
  mark();
  enable();
}
// A drag over the strip selects what it passes; back again gives it up. A finger scrolls the strip: for it, taps.
$('.lab-strip').addEventListener('pointerdown', event => {
  const from = L.tiles.indexOf(event.target.closest('.lab-tile'));
  L.drag = from < 0 || event.button || event.shiftKey || event.pointerType === 'touch' ? null
    : {from, before: new Set(L.picked), moved: false};
});
$('.lab-strip').addEventListener('pointerover', event => {
  const drag = L.drag, to = L.tiles.indexOf(event.target.closest('.lab-tile'));
  if (!drag || !(event.buttons & 1) || to < 0 || (to === drag.from && !drag.moved)) return;
  drag.moved = true;
  L.picked = new Set(drag.before);
  for (let s = Math.min(drag.from, to); s <= Math.max(drag.from, to); s++) L.picked.add(s);
  L.anchor = L.focus = to;
  mark();
  enable();
});
$('.lab-strip').addEventListener('keydown', event => {
  const to = {ArrowLeft: L.focus - 1, ArrowRight: L.focus + 1, Home: 0, End: count() - 1}[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const s = Math.min(Math.max(to, 0), count() - 1);
  if (event.shiftKey) {  // the range grows with the arrow
    for (let i = Math.min(L.focus, s); i <= Math.max(L.focus, s); i++) L.picked.add(i);
    enable();
  }
  L.focus = s;
  mark();
  L.tiles[s].focus();
});
for (const button of root.querySelectorAll('[data-pick]')) {
  button.addEventListener('click', () => {
    const all = [...Array(count()).keys()];
    L.picked = new Set({all, none: [], invert: all.filter(s => !L.picked.has(s))}[button.dataset.pick]);
    mark();
    enable();
  });
}

// ---- edits
function enable() {
  const d = L.data, none = chosen().length === 0;
  for (const button of root.querySelectorAll('[data-edit]')) {
    const edit = button.dataset.edit;
    const needsSeconds = ['mute', 'blank', 'freeze', 'blur', 'drop', 'remove'].includes(edit)
      || (edit === 'reorder' && ['first', 'last'].includes($('.lab-order').value));
    const lacks = (['mute', 'shift-sound'].includes(edit) && !d.clip.has_audio)
      || (['blank', 'freeze', 'blur'].includes(edit) && !d.clip.has_video)
      || (edit === 'soundtrack' && !d.soundtracks.length)
      || (['drop', 'shift-sound', 'reorder'].includes(edit) && count() < 2);  // of one second nothing would be left, or all
    button.disabled = lacks || (needsSeconds && none);
  }
  $('[data-action="undo"]').disabled = $('[data-action="clear"]').disabled = !d.edits.length;
  $('[data-action="redo"]').disabled = !d.undone;
  const render = document.querySelector('#lab-render');
  if (render) {
    render.disabled = !d.renderable;
    render.title = d.renderable ? '' : 'Removed seconds (training mean) cannot be watched: undo them first';
  }
}
function order() {
  const all = [...Array(count()).keys()], kind = $('.lab-order').value, some = chosen();
  const rest = all.filter(s => !some.includes(s));
  if (kind === 'reverse') return all.reverse();
  if (kind === 'first') return [...some, ...rest];
  if (kind === 'last') return [...rest, ...some];
  if (kind === 'own') return ($('.lab-typed').value.match(/\d+/g) || []).map(word => Number(word) - 1);
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}
function editOf(kind) {
  const seconds = chosen();
  return {
    mute: {seconds}, blank: {seconds}, freeze: {seconds}, drop: {seconds},
    blur: {seconds, strength: Number($('.lab-strength').value)},
    remove: {seconds, what: $('.lab-what').value},
    'shift-sound': {by: Math.round(Number($('.lab-by').value))},
    soundtrack: {track: $('.lab-track').value},
    reorder: {order: order()},
  }[kind];
}
function send(message, slow) {
  if (L.busy) return;  // one edit after the other: each counts seconds in the clip as the last one left it
  L.busy = true;
  root.dataset.busy = 'true';
  if (slow) trigger('submit', message); else trigger('select', message);
}
root.addEventListener('click', event => {
  const button = event.target.closest('[data-edit], [data-action]');
  if (!button || button.disabled || !L.data) return;
  const {edit, action} = button.dataset;
  if (action) send({action}, false);
  else send({edit: {edit, ...editOf(edit)}}, SLOW.includes(edit));
});
$('.lab-order').addEventListener('change', () => { $('.lab-typed').hidden = $('.lab-order').value !== 'own'; enable(); });

// ---- what came of it
function drawBars() {
  const bar = (words, value, kind) => make('div', {class: 'lab-bar ' + kind}, make('span', {}, words),
    make('div', {}, make('i', {style: `width:${(100 * value).toFixed(2)}%`})), make('b', {}, figure(value)));
  const host = $('.lab-bars');
  host.replaceChildren(...L.data.targets.map(t => {
    const change = t.after - t.before;
    const box = make('div', {class: 'lab-target', 'data-target': t.name, role: 'group', 'aria-label':
      `${t.name}: before ${figure(t.before)}, after ${figure(t.after)}, change ${signed(change)}`},
    make('h4', {}, t.name, make('em', {}, 'change ', make('b', {}, signed(change)))),
    bar('before', t.before, 'is-before'), bar('after', t.after, 'is-after'));
    return box;
  }), make('div', {class: 'lab-axis', 'aria-hidden': 'true'}, ...['0', '0.5', '1'].map(v => make('span', {}, v)),
    make('em', {}, 'prediction, 0 to 1')));
}
function drawList() {
  const names = L.data.targets.map(t => t.name);
  $('.lab-list').replaceChildren(...L.data.edits.map(edit => make('li', {}, make('b', {}, edit.words),
    make('span', {}, edit.changes.map((change, k) => `${names[k]} ${signed(change)}`).join(', ')))));
  $('.lab-none').hidden = L.data.edits.length > 0;
}
function drawTable() {
  const d = L.data, head = make('tr', {}, make('th', {scope: 'col'}, 'second'), make('th', {scope: 'col', class: 'is-words'}, 'plays'));
  for (const t of d.targets) {
    if (t.attention) head.append(make('th', {scope: 'col'}, `${t.name}: attention`));
    if (t.effect) head.append(make('th', {scope: 'col'}, `${t.name}: effect`));
  }
  const rows = d.seconds.map((second, s) => {
    const row = make('tr', {}, make('th', {scope: 'row'}, s + 1), make('td', {class: 'is-words'}, second.from));
    for (const t of d.targets) {
      if (t.attention) row.append(make('td', {}, (100 * t.attention[s]).toFixed(1) + ' %'));
      if (t.effect) row.append(make('td', {}, signed(t.effect[s])));
    }
    return row;
  });
  const words = d.targets.some(t => t.effect)
    ? 'Attention: share of the edited clip, sums to 100 %. Effect: prediction of the edited clip minus the prediction with that second at the training mean.'
    : 'Attention: share of the edited clip, sums to 100 %. Effects are not measured here in clips over 60 s.';
  $('.lab-table').replaceChildren(make('table', {}, make('caption', {}, words), make('thead', {}, head), make('tbody', {}, ...rows)));
}
function drawTracks() {
  const select = $('.lab-track'), kept = select.value;
  const names = [...select.options].map(option => option.value);
  if (names.join('\n') === L.data.soundtracks.join('\n')) return;
  select.replaceChildren(...L.data.soundtracks.map(name => make('option', {value: name}, name)));
  if (L.data.soundtracks.includes(kept)) select.value = kept;
}

load();
watch('value', load);
