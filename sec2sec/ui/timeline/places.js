// Occlusion: what single places of the selected second change in the prediction. The server is asked once a second of
// the clip, when a person looks at it while nothing plays; the answer is kept, with all targets.
const PLACES = {key: '', known: new Map(), busy: false, failed: null};
const offered = () => (S.data.places && !S.data.places.absent ? S.data.places : null);  // a report cannot ask

function placesLoad() {
  const key = S.data.places?.key ?? '';
  if (key !== PLACES.key) Object.assign(PLACES, {key, known: new Map(), failed: null});
}
function placesOf(s) {  // undefined until it is known
  const found = PLACES.known.get(s);
  if (!found && !PLACES.busy && PLACES.failed?.second !== s && mayAsk()) askPlaces(s);
  return found;
}
function mayAsk() {  // playback passes through seconds that nobody asked for; a pinned one was
  const v = video();
  return C.seen && (!v || v.paused || v.ended || S.pinned !== null);
}
async function askPlaces(second) {
  const key = PLACES.key;
  let answer;
  PLACES.busy = true;  // one at a time: keys may repeat faster than answers come
  try { answer = await server.places({key, second}); } catch { answer = {error: 'The server does not answer; select the second again.'}; }
  PLACES.busy = false;
  if (key === PLACES.key) {
    PLACES.failed = answer.error ? {second, words: answer.error} : null;
    if (!answer.error) PLACES.known.set(second, answer);
  }
  if (S.data) coDraw();
}
function waitingWords(s) {
  if (PLACES.failed?.second === s) return 'Not possible: ' + PLACES.failed.words + '.';
  return mayAsk() ? 'Measuring this second…' : 'Not measured yet: this second is measured once you pause the clip or pin the second.';
}

function drawPlaces(s, target, views) {  // views: [overlay, cells, token grid → values of its cells, index, words, rows, columns, part]
  const found = placesOf(s), k = S.data.targets.findIndex(t => t.name === target);
  panel.dataset.places = found ? `${s} ${target}` : '';
  const values = found ? views.map(view => view.values(found[view.part][k])) : [];
  const top = Math.max(...values.map(largest));  // one scale for both, so that picture and sound compare
  for (const [i, view] of views.entries()) {
    if (found) paintSigned(view, values[i], top, target);
    else {
      view.cells.forEach(cell => tint(cell, 0, '', ''));
      view.over.scale.hidden = true;
      view.over.table.replaceChildren();
      view.over.say.textContent = waitingWords(s);
      view.over.say.classList.add('is-flat');
    }
  }
}
function paintSigned({over, cells, index, words, rows, columns, chosen}, values, top, target) {
  const most = largest(values), draw = most >= S.data.places.small, small = cells.length > 60;
  const unit = top < 0.0095 ? 1e-4 : 1e-3, digits = v => Math.round(Math.abs(v) / unit);
  const sign = v => (digits(v) ? (v < 0 ? '−' : '+') : '');
  cells.forEach((cell, i) => {
    const v = values[index(i)];
    tint(cell, draw ? Math.abs(v) / top : 0, draw ? sign(v) + (small ? '' : digits(v)) : '', v < 0 ? 'down' : 'up');
    cell.setAttribute('aria-label', `${words(i)}, changes the prediction by ${change(v)}`);
  });
  over.scale.hidden = !draw;
  over.scale.replaceChildren(make('span', {}, `▼ ${change(-top)}`), make('i', {class: 'is-signed'}), make('span', {}, `▲ ${change(top)}`),
    make('em', {}, `− lowers, + raises the prediction of ${target}; its change, on its scale of 0 to 1` + (small ? '' : ` · numbers in ${unit === 1e-3 ? '0.001' : '0.0001'}`)));
  const at = cells.findIndex((_, i) => Math.abs(values[index(i)]) === most), strongest = values[index(at)];
  over.say.textContent = draw
    ? `Strongest: ${words(at)} ${strongest < 0 ? 'lowers' : 'raises'} it by ${most.toFixed(4)}. Chosen: ${words(chosen)}, ${change(values[index(chosen)])}.`
    : `Nothing here changes the prediction by ${S.data.places.small} or more, so it is not drawn.`;
  over.say.classList.toggle('is-flat', !draw);
  asTable(over, rows, columns, words, i => change(values[index(i)]), `change of the prediction of ${target}`);
}
const largest = values => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const change = v => (Math.abs(v) < 5e-5 ? '±' : v < 0 ? '−' : '+') + Math.abs(v).toFixed(4);
