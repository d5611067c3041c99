// Inside one second: which sound and which part of the picture go together. Shares the selection with the timeline.
const C = {maps: null, head: -1, rows: 'video', moment: 0, band: -1, place: 0, slot: -1, sources: [], source: 0, anyway: false, timer: 0, gd: null, seen: false};
const panel = $('.s2s-co');
const ms = (i, n) => `${Math.round(1000 * i / n)}–${Math.round(1000 * (i + 1) / n)} ms`;
const coefficients = (b, n, all) => `${Math.floor(all * b / n)}–${Math.max(Math.floor(all * (b + 1) / n) - 1, Math.floor(all * b / n))}`;

// ---- numbers ----------------------------------------------------------------------------------------------------------
function unpack(direction) {
  const q = bytes(direction.data), raw = bytes(direction.scale);
  return Object.assign(direction, {q, scales: new Float32Array(raw.buffer, 0, raw.length / 4), data: null, scale: null, peaks: {}});
}
function matrix(rows, s, head) {  // weights of one second, row after row; head −1: the average
  const d = C.maps[rows], [, H, R, K] = d.shape, out = new Float32Array(R * K);
  const heads = head < 0 ? [...Array(H).keys()] : [head];
  for (const h of heads) {
    const base = (s * H + h) * R;
    for (let r = 0; r < R; r++) {
      const unit = d.scales[base + r] / 255 / heads.length;
      for (let k = 0; k < K; k++) out[r * K + k] += d.q[(base + r) * K + k] * unit;
    }
  }
  return out;
}
function peak(rows, head) {  // largest weight over the whole clip: colours mean the same in every second
  const d = C.maps[rows];
  if (d.peaks[head] === undefined) {
    let top = 0;
    for (let s = 0; s < d.shape[0]; s++) for (const w of matrix(rows, s, head)) top = Math.max(top, w);
    d.peaks[head] = top;
  }
  return d.peaks[head];
}
function entropyOf(p) {
  let sum = 0, h = 0;
  for (const w of p) sum += w;
  for (const w of p) if (w > 0) h -= w / sum * Math.log(w / sum);
  return p.length > 1 ? h / Math.log(p.length) : 1;
}
function meanOfRows(rows, s, chosen) {
  const all = matrix(rows, s, C.head), K = C.maps[rows].shape[3], out = new Float32Array(K);
  for (const r of chosen) for (let k = 0; k < K; k++) out[k] += all[r * K + k] / chosen.length;
  return out;
}
function soundLooks(s) {  // the weight of each place, summed over the moments of the picture
  const [bands, times] = C.maps.audio_grid, [moments, h, w] = C.maps.video_grid;
  const rows = [...Array(bands).keys()].filter(b => C.band < 0 || b === C.band).map(b => b * times + C.moment);
  const over = meanOfRows('audio', s, rows), out = new Float32Array(h * w);
  for (let t = 0; t < moments; t++) for (let p = 0; p < h * w; p++) out[p] += over[t * h * w + p];
  return out;
}
function placeListens(s) {  // the weight of each band and moment of the sound
  const [moments, h, w] = C.maps.video_grid;
  const rows = [...Array(moments).keys()].filter(t => C.slot < 0 || t === C.slot).map(t => t * h * w + C.place);
  return meanOfRows('video', s, rows);
}

function relevantPlaces(s) {  // gradient × attention of each place, for one target: as shares of the second's
  const [moments, h, w] = C.maps.video_grid, of = tokens(source().data.video, s);
  return shares(overMoments(of));
}
function overMoments(of) {  // of each visual token → of each place, at the chosen moment or summed over all
  const [moments, h, w] = C.maps.video_grid, out = new Float32Array(h * w);
  for (let t = 0; t < moments; t++) for (let p = 0; p < h * w; p++) if (C.slot < 0 || t === C.slot) out[p] += of[t * h * w + p];
  return out;
}
const relevantSounds = s => shares(tokens(source().data.audio, s));
const source = () => C.sources[C.source];
function tokens(d, s) {
  const K = d.shape[1];
  return Float32Array.from(d.q.subarray(s * K, (s + 1) * K), q => q * d.scales[s] / 255);
}
function shares(values) {
  const sum = values.reduce((a, b) => a + b, 0);
  return sum > 0 ? values.map(v => v / sum) : values;
}

// ---- structure ----------------------------------------------------------------------------------------------------------
function choice(label, options, value, change) {
  const select = make('select', {onchange: event => { change(Number(event.target.value)); coDraw(); }});
  for (const [key, words] of options) select.append(make('option', {value: key, selected: key === value}, words));
  return [make('label', {class: 's2s-choice'}, label, select), select];
}
function coLoad() {
  if (C.gd) T.P.purge(C.gd);
  C.gd = null;
  Object.assign(C, {maps: S.data.maps, head: -1, rows: 'video', band: -1, slot: -1, source: 0, anyway: false});
  placesLoad();
  panel.replaceChildren(make('h3', {}, 'Inside the selected second'), ...sanity());
  const m = C.maps, attends = !m.absent;
  C.sources = attends ? [{kind: 'attention', words: 'attention, as it is'}] : offered() ? [{kind: '', words: 'nothing yet: choose'}] : [];
  if (attends) for (const data of S.data.relevance) C.sources.push({kind: 'relevance', target: data.target, words: `relevance for ${data.target} (gradient × attention)`, data});
  if (offered()) for (const {name} of S.data.targets) C.sources.push({kind: 'occlusion', target: name, words: `occlusion for ${name} (measured effect)`});
  for (const words of [m.absent, S.data.places?.absent]) if (words) panel.append(make('p', {class: 's2s-note'}, words));
  if (!C.sources.length) return;
  if (attends) for (const found of [m, ...S.data.relevance]) { unpack(found.video); unpack(found.audio); }
  const [moments, h, w] = m.video_grid, [bands, times] = m.audio_grid;
  C.moment = times >> 1;
  C.cell = (bands - 1) * times + C.moment;
  C.place = (h >> 1) * w + (w >> 1);

  const H = attends ? m.video.shape[1] : 1, heads = [[-1, H > 1 ? `average of ${H} heads` : m.note ? 'average of the heads' : 'the only head']];
  if (H > 1) for (let i = 0; i < H; i++) heads.push([i, `head ${i + 1}`]);
  const range = (n, words) => [...Array(n).keys()].map(i => [i, words(i)]);
  const [headBox, headSelect] = choice('Head ', heads, -1, v => { C.head = v; });
  const [momentBox, momentSelect] = choice('Sound at ', range(times, i => ms(i, times)), C.moment, v => { C.moment = v; });
  const [bandBox, bandSelect] = choice('Coefficients ', [[-1, 'all'], ...range(bands, i => coefficients(i, bands, m.n_mfcc))], -1, v => { C.band = v; });
  const [slotBox, slotSelect] = choice('Picture at ', [[-1, 'any moment'], ...range(moments, i => ms(i, moments))], -1, v => { C.slot = v; });
  const [rowsBox] = choice('Direction ', [[0, 'picture (rows) listens to sound'], [1, 'sound (rows) looks at picture']], 0,
    v => { C.rows = v ? 'audio' : 'video'; });
  const [sourceBox] = choice('The two pictures show ', C.sources.map((of, i) => [i, of.words]), 0, v => { C.source = v; PLACES.failed = null; });
  sourceBox.hidden = C.sources.length < 2;
  slotBox.hidden = moments < 2;
  Object.assign(C, {headBox, momentBox, bandBox, slotBox, headSelect, momentSelect, bandSelect, slotSelect});

  C.where = make('p', {class: 's2s-where'});
  C.looks = overlay('Places in the picture');
  C.listens = overlay('Moments and coefficients of the sound');
  C.still = make('img', {alt: '', class: 's2s-still'});
  const [l, t, r, b] = m.video_region.map(x => 100 * x);
  Object.assign(C.looks.grid.style, {left: l + '%', top: t + '%', width: (r - l) + '%', height: (b - t) + '%'});
  C.looks.grid.classList.add('has-shade');
  C.looks.stage.append(C.still, C.looks.grid);
  if (l > 1 || t > 1) C.looks.stage.append(make('span', {class: 's2s-outside', style: `width:${Math.max(l, 14)}%`}, 'outside the model’s view'));
  C.places = radioGrid(C.looks.grid, {rows: h, columns: w, label: 'Place in the picture', pick: i => { C.place = i; coDraw(); }});
  C.looks.controls.append(momentBox, bandBox);

  C.canvas = make('canvas', {class: 's2s-mfcc'});
  C.listens.stage.append(C.canvas, C.listens.grid);
  C.sounds = radioGrid(C.listens.grid, {rows: bands, columns: times, label: 'Moment and coefficients of the sound', pick: i => {
    C.cell = i;
    C.moment = i % times;
    if (C.band >= 0) C.band = bands - 1 - Math.floor(i / times);  // one band only where one was asked for
    coDraw();
  }});
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  C.listens.box.classList.add('has-axes');
  C.listens.stage.append(
    make('span', {class: 's2s-ytitle', 'aria-hidden': 'true'}, 'MFCC coefficient'),
    ...ticks.slice(0, 4).map(f => make('span', {class: 's2s-ytick', 'aria-hidden': 'true', style: `bottom:${100 * f}%`}, String(Math.round(f * m.n_mfcc)))),
    ...ticks.map(f => make('span', {class: 's2s-xtick', 'aria-hidden': 'true', style: `left:${100 * f}%`}, String(1000 * f))),
    make('span', {class: 's2s-xtitle', 'aria-hidden': 'true'}, 'time in the second, ms'));
  C.listens.controls.append(slotBox);
  C.note = make('p', {class: 's2s-note'}, 'Occlusion: the prediction minus the prediction with this place (or this moment and coefficients of the sound) ' +
    'replaced by the average of the training data, each token alone.' + (moments > 1 ? ` A place of the picture has ${moments} moments: “any moment” sums them.` : ''));

  C.verdict = make('p', {class: 's2s-verdict', role: 'status'});
  C.any = make('input', {type: 'checkbox', onchange: event => { C.anyway = event.target.checked; coDraw(); }});
  C.plot = make('div', {class: 's2s-matrix', role: 'img', 'aria-label': 'Heatmap of the weights between picture and sound tokens'});
  const hint = 'Click a place in the picture to see which sound it listens to, and a moment of sound to see where it looks. ' +
    'The weights are where the model looked within this second, not what caused the prediction.';
  panel.append(
    ...(attends ? [make('p', {class: 's2s-note'}, hint, m.note ? ' ' + m.note : '')] : []),
    make('div', {class: 's2s-controls'}, C.where, sourceBox, headBox, ...(attends ? [make('label', {class: 's2s-choice'}, C.any, ' draw nearly uniform maps too')] : [])),
    C.note,
    make('div', {class: 's2s-pair'}, C.looks.box, C.listens.box));
  if (attends) panel.append(make('div', {class: 's2s-controls'}, make('h4', {}, 'All attention weights of the second'), rowsBox), C.verdict, C.plot);
  watcher.disconnect();
  watcher.observe(panel);
}
function sanity() {  // a map that hardly depends on what the model learned must say so where it is looked at
  const found = S.data.sanity, warned = found.filter(f => f.warning);
  if (!found.length) return [];
  const parts = {attention: 'attention', effect: 'effect', maps: 'maps', integrated: 'integrated gradients', relevance: 'relevance'};
  const row = (f, part) => make('tr', {}, make('th', {scope: 'row'}, `${f.target}: ${parts[part]}`), ...f[part].map(v => make('td', {}, share(v))));
  const what = make('p', {}, 'Similarity (rank correlation) of what is shown to the same of a model whose parts are ' +
    'random, from the predictor backwards: 1 is the same, 0 is unrelated. What stays high does not show what the model learned (Adebayo et al. 2018). ' +
    'Integrated gradients and relevance are compared once all is random.');
  const table = make('table', {},
    make('thead', {}, make('tr', {}, make('td', {}, 'random by then:'), ...found[0].steps.map(step => make('th', {scope: 'col'}, step)))),
    make('tbody', {}, ...found.flatMap(f => Object.keys(parts).map(part => row(f, part)))));
  const words = warned.length ? 'Figures of the sanity check' : 'Sanity check: passed. Figures';
  return [...warned.map(f => make('p', {class: 's2s-warning', role: 'note'}, make('b', {}, `⚠ ${f.target}: `), f.warning)),
    make('details', {class: 's2s-sanity'}, make('summary', {}, words), what, make('div', {class: 's2s-table', tabindex: 0, role: 'region', 'aria-label': 'Sanity check'}, table))];
}
function overlay(tableTitle) {
  const o = {title: make('b'), stage: make('div', {class: 's2s-stage'}), grid: make('div', {class: 's2s-grid'}), what: make('span'),
    scale: make('div', {class: 's2s-scale'}), say: make('p', {class: 's2s-verdict', role: 'status'}), controls: make('div', {class: 's2s-controls'}),
    table: make('div', {class: 's2s-table'}), tableTitle};
  o.details = make('details', {ontoggle: () => coDraw()}, make('summary', {}, 'As a table'), o.table);
  o.box = make('figure', {class: 's2s-over'}, make('figcaption', {}, o.title, ' ', o.what), o.controls, o.stage, o.scale, o.say, o.details);
  return o;
}
const watcher = new IntersectionObserver(entries => {
  C.seen = entries.some(entry => entry.isIntersecting);
  if (C.seen) coDraw();
}, {rootMargin: '200px'});

// ---- drawing ----------------------------------------------------------------------------------------------------------
function coSelect() {  // after the playhead's frame, never within it
  if (!C.sources.length || !C.seen) return;
  clearTimeout(C.timer);
  C.timer = setTimeout(coDraw, 20);
}
function coDraw() {
  if (!S.data || !C.sources.length) return;
  const m = C.maps, s = selected(), [moments, h, w] = m.video_grid, [bands, times] = m.audio_grid;
  panel.dataset.second = s;
  C.where.textContent = `Second ${s + 1} (${secondWords(s)}), ${S.pinned !== null ? 'pinned' : 'follows playback'}`;
  C.momentSelect.value = C.moment;
  C.bandSelect.value = C.band;
  C.slotSelect.value = C.slot;

  const still = S.data.stills[s];
  C.still.hidden = !still;
  if (still) C.still.src = 'data:image/jpeg;base64,' + still;
  drawMfcc(s);
  const place = `row ${Math.floor(C.place / w) + 1}, column ${(C.place % w) + 1}`, {kind, target} = source();
  for (const box of [C.headBox, C.momentBox, C.bandBox]) box.hidden = kind !== 'attention';  // the others are of all heads and of the whole second
  const measured = kind === 'occlusion';
  C.looks.box.hidden = !kind || (measured && !S.data.places.video);
  C.listens.box.hidden = !kind || (measured && !S.data.places.audio);
  C.note.hidden = !measured;
  panel.dataset.places = '';
  C.looks.title.textContent = {attention: 'Where the sound looks', relevance: 'Relevance of places', occlusion: 'Measured effect of places'}[kind];
  C.listens.title.textContent = {attention: 'What the place listens to', relevance: 'Relevance of the sound', occlusion: 'Measured effect of the sound'}[kind];
  const when = C.slot < 0 ? '' : ` at ${ms(C.slot, moments)}`;
  const of = target ? `for ${target}, ` : '', scale = measured ? 'occlusion, change of the prediction' : 'gradient × attention, share of the second';
  C.looks.what.textContent = kind !== 'attention' ? `${of}${scale}${when}`
    : `attention at ${ms(C.moment, times)}${C.band < 0 ? '' : ', coefficients ' + coefficients(C.band, bands, m.n_mfcc)}`;
  C.listens.what.textContent = kind !== 'attention' ? of + scale : `attention of ${place}${when}`;
  const home = kind === 'attention' ? C.listens : C.looks;  // the moment of the picture is that of the place, or of what is drawn
  if (C.slotBox.parentNode !== home.controls) home.controls.append(C.slotBox);

  const placeWords = i => `row ${Math.floor(i / w) + 1}, column ${(i % w) + 1}`, token = i => (bands - 1 - Math.floor(i / times)) * times + (i % times);  // the lowest coefficients lie at the bottom
  const soundWords = i => `coefficients ${coefficients(bands - 1 - Math.floor(i / times), bands, m.n_mfcc)}, ${ms(i % times, times)}`;
  check(C.places, C.place, i => i === C.place);
  if (measured) {
    check(C.sounds, C.cell, i => i === C.cell);
    const views = [{over: C.looks, cells: C.places, part: 'video', values: overMoments, index: i => i, words: placeWords, rows: h, columns: w, chosen: C.place},
      {over: C.listens, cells: C.sounds, part: 'audio', values: v => v, index: token, words: soundWords, rows: bands, columns: times, chosen: C.cell}];
    drawPlaces(s, target, views.filter(view => S.data.places[view.part]));
  } else if (kind) {
    const relevant = kind === 'relevance';
    paint(C.looks, C.places, relevant ? relevantPlaces(s) : soundLooks(s), i => i, placeWords, h, w,
      h * w === 1 ? 'There is one place only, so its weight is 1 by construction.' : '');
    paint(C.listens, C.sounds, relevant ? relevantSounds(s) : placeListens(s), token, soundWords,
      bands, times, bands * times === 1 ? 'There is one sound token only, so its weight is 1 by construction.' : '');
    const row = C.band < 0 ? bands - 1 : bands - 1 - C.band;
    check(C.sounds, row * times + C.moment, i => i % times === C.moment && (C.band < 0 || Math.floor(i / times) === row));
  }
  if (!m.absent) drawMatrix(s);
}
function tint(cell, w, text, sign = '') {
  cell.style.setProperty('--w', w.toFixed(3));
  cell.dataset.sign = sign;
  if (cell.firstChild.textContent !== text) cell.firstChild.textContent = text;
}
function asTable(over, rows, columns, words, text, caption) {
  if (!over.details.open) return;
  const body = make('tbody');
  for (let y = 0; y < rows; y++) {
    const line = make('tr', {}, make('th', {scope: 'row'}, words(y * columns).split(',')[0]));
    for (let x = 0; x < columns; x++) line.append(make('td', {}, text(y * columns + x)));
    body.append(line);
  }
  const head = make('tr', {}, make('td'));
  for (let x = 0; x < columns; x++) head.append(make('th', {scope: 'col'}, words(x).split(', ')[1]));
  over.table.replaceChildren(make('table', {}, make('caption', {}, `${over.tableTitle}: ${caption}`), make('thead', {}, head), body));
}
function paint(over, cells, weights, index, words, rows, columns, constant) {
  const equal = 1 / weights.length, most = Math.max(...weights), e = entropyOf(weights), nothing = !(most > 0);
  const flat = nothing || most < C.maps.nearly_even * equal, draw = !constant && (!flat || C.anyway), top = Math.max(most, 2 * equal), small = cells.length > 60;
  cells.forEach((cell, i) => {
    const weight = weights[index(i)];
    tint(cell, draw ? weight / top : 0, draw && !small ? String(Math.round(100 * weight)) : '');
    cell.setAttribute('aria-label', words(i) + (constant ? '' : `, weight ${percent(weight)}`));
  });
  over.box.classList.toggle('is-flat', !draw);
  over.scale.hidden = !draw;
  over.scale.replaceChildren(make('span', {}, '0'), make('i', {}, make('b', {style: `left:${100 * equal / top}%`})), make('span', {}, percent(top)),
    make('em', {}, `▏equal share ${percent(equal)}` + (small ? '' : ' · numbers in %')));
  const times = (most / equal).toFixed(1);
  over.say.textContent = constant || (nothing ? 'Nothing here moves this prediction.' : flat
    ? `Nearly even: no cell has more than ${(most / equal).toFixed(2)} × an equal share, so it points nowhere${draw ? '.' : ' and is not drawn.'}`
    : `The highest cell has ${times} × an equal share. Entropy ${e.toFixed(2)} (0: one cell, 1: all alike).`);
  over.say.classList.toggle('is-flat', Boolean(constant) || flat);
  asTable(over, rows, columns, words, i => percent(weights[index(i)]), 'share of the weight');
}
function drawMfcc(s) {
  const image = S.data.mfcc;
  if (!image) return;
  if (!image.levels) image.levels = bytes(image.data);
  const [, n, steps] = image.shape, at = s * n * steps;
  C.canvas.width = steps;
  C.canvas.height = n;
  const context = C.canvas.getContext('2d'), pixels = context.createImageData(steps, n);
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < steps; x++) {
      const level = image.levels[at + y * steps + x], to = 4 * ((n - 1 - y) * steps + x);
      pixels.data[to] = pixels.data[to + 1] = pixels.data[to + 2] = 20 + level * 0.8;
      pixels.data[to + 3] = 255;
    }
  }
  context.putImageData(pixels, 0, 0);
}
async function drawMatrix(s, fresh = false) {
  const m = C.maps, d = m[C.rows], [, , R, K] = d.shape;
  const e = d.entropy[s][C.head + 1] ?? d.entropy[s][0], constant = K === 1, flat = !constant && e >= m.nearly_uniform;
  const draw = !constant && (!flat || C.anyway);
  C.verdict.textContent = constant
    ? 'Only one token can be looked at, so every weight is 1 by construction: there is nothing to draw.'
    : flat
      ? `This map is nearly uniform (${e.toFixed(3)} of the entropy of a uniform one): it points nowhere${draw ? '.' : ', so it is not drawn.'}`
      : `Entropy of this map: ${e.toFixed(2)} of a uniform one (0: one cell, 1: all alike).`;
  C.verdict.classList.toggle('is-flat', constant || flat);
  C.plot.hidden = !draw;
  if (!draw || (!C.seen && !fresh)) return;
  const P = await plotly();
  if (S.data?.maps !== m) return;  // another clip came in the meantime
  const w = matrix(C.rows, s, C.head), z = [];
  for (let r = 0; r < R; r++) z.push(Array.from(w.subarray(r * K, (r + 1) * K)));
  const top = Math.max(peak(C.rows, C.head), 2 / K), uniform = 1 / K;
  const narrow = panel.clientWidth < 520;
  const ticks = (narrow ? [0, uniform, top] : [0, uniform, top / 2, top]).filter((v, i, all) => i === 1 || Math.abs(v - uniform) > top / (narrow ? 4 : 12));
  const words = ticks.map(v => v.toFixed(3) + (v === uniform ? (narrow ? '<br>uniform' : ' uniform') : ''));
  const key = [C.rows, panel.clientWidth, dark()].join();
  if (C.gd && C.key === key && !fresh) {
    await P.update(C.gd, {z: [z], zmax: top, 'colorbar.tickvals': [ticks], 'colorbar.ticktext': [words]}, {shapes: outlines()}, [0]);
    return;
  }
  C.key = key;
  if (!d.text) d.text = d.figure.layout.meta.rows.map(r => d.figure.layout.meta.columns.map(c => `${r}<br>→ ${c}`));
  const layout = themed(d.figure.layout);
  Object.assign(layout, {width: panel.clientWidth, shapes: outlines()});
  layout.margin = Object.assign({}, layout.margin, narrow ? {l: 78} : {});
  if (narrow) {  // short labels, and the unit in the title
    for (const axis of ['xaxis', 'yaxis']) {
      const a = layout[axis], short = a.title.text.startsWith('picture') ? 'picture, ms' : 'sound, MFCC coefficients';
      const thin = axis === 'xaxis' && a.tickvals.length > 4;
      const ticktext = a.ticktext.map((t, i) => (thin && i % 2 ? '' : t.replace(' ms', '')));
      layout[axis] = Object.assign({}, a, {ticktext, title: Object.assign({}, a.title, {text: short})});
    }
  }
  const lying = narrow ? {orientation: 'h', tickangle: 0, y: -0.16, yanchor: 'top', title: {text: 'weight, each row sums to 1', side: 'bottom'}} : {};
  if (narrow) layout.margin.b = 110;
  const trace = Object.assign({}, d.figure.data[0], {z, zmax: top, text: d.text,
    colorbar: Object.assign({}, d.figure.data[0].colorbar, {tickvals: ticks, ticktext: words, outlinewidth: 0}, lying)});
  C.gd = await P.react(C.plot, [trace], layout, CONFIG);
  if (!C.gd.__s2s) {
    C.gd.__s2s = true;
    C.gd.on('plotly_click', event => cellPicked(...event.points[0].pointIndex));
  }
}
function outlines() {  // one chosen cell: its row and its column
  if (C.band < 0 || C.slot < 0) return [];
  const [, h, w] = C.maps.video_grid, times = C.maps.audio_grid[1];
  const v = C.slot * h * w + C.place, a = C.band * times + C.moment, [row, column] = C.rows === 'video' ? [v, a] : [a, v];
  const line = {color: '#ff5c5c', width: 1.5};
  return [{type: 'rect', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: row - 0.5, y1: row + 0.5, line},
    {type: 'rect', xref: 'x', yref: 'paper', x0: column - 0.5, x1: column + 0.5, y0: 0, y1: 1, line}];
}
function cellPicked(row, column) {  // a cell chooses both its sides, and its moment in time
  const [moments, h, w] = C.maps.video_grid, times = C.maps.audio_grid[1];
  const [v, a] = C.rows === 'video' ? [row, column] : [column, row];
  Object.assign(C, {slot: Math.floor(v / (h * w)), place: v % (h * w), band: Math.floor(a / times), moment: a % times});
  coDraw();
  toMoment(selected(), C.rows === 'video' ? C.slot / moments : C.moment / times);
}
const coResize = () => { if (C.sources.length && !C.maps.absent) drawMatrix(selected(), true); };
const coTheme = coResize;
