// The same figures as text: a table whose rows seek, and a CSV of everything.
const FORMS = {share: percent, prediction: signed, logits: signed, value: value => (known(value) ? plainNumber(value) : '–'), words: words => words || '–'};
const UNITS = {share: 'share of the clip', prediction: 'units of the prediction', logits: 'logits', value: '', words: ''};
const plainNumber = value => (Number.isInteger(value) ? String(value) : Math.abs(value) < 100 ? value.toFixed(2) : value.toFixed(0)).replace('-', '−');

function drawTable() {
  const all = $('.s2s-all input').checked, d = S.data, chosen = d.columns.filter(c => all || c.main);
  $('.s2s-all').hidden = d.columns.every(c => c.main);
  const head = make('tr', {}, make('th', {scope: 'col', rowspan: 2}, 'second')), names = make('tr'), first = new Set();
  for (const target of [...new Set(chosen.map(c => c.target))]) {
    const own = chosen.filter(c => c.target === target);
    first.add(own[0]);
    if (!target) own.forEach(c => head.append(make('th', {scope: 'col', rowspan: 2}, c.name)));
    else {
      head.append(make('th', {scope: 'colgroup', colspan: own.length, class: 'is-first'}, target));
      own.forEach((c, i) => names.append(make('th', {scope: 'col', class: i ? null : 'is-first', title: UNITS[c.unit]}, c.name)));
    }
  }
  const body = make('tbody');
  for (let s = 0; s < count(); s++) {
    const row = make('tr', {'data-second': s, onclick: () => seek(s)});
    const words = `${s + 1} (${secondWords(s)}${d.clip.partial && s === count() - 1 ? ', partial' : ''})`;
    row.append(make('th', {scope: 'row'}, words));
    for (const c of chosen) row.append(make('td', {class: first.has(c) && c.target ? 'is-first' : null}, FORMS[c.unit](c.values[s])));
    body.append(row);
  }
  const caption = make('caption', {}, 'Attention: share of the clip, sums to 100 %. Effect: prediction minus the prediction with ' +
    'that second replaced by the average of the training data; “of the sound” and “of the picture” replace only that ' +
    'part of it. Entropy of the co-attention: 0 one cell, 1 a uniform map. A click on a row goes to its second.');
  $('.s2s-figures .s2s-table').replaceChildren(make('table', {}, caption, make('thead', {}, head, names), body));
  markRow(selected());
}
function markRow(s) {
  const box = $('.s2s-figures .s2s-table');
  for (const old of box.querySelectorAll('tr[aria-current]')) old.removeAttribute('aria-current');
  const row = box.querySelector(`tr[data-second="${s}"]`);
  if (!row) return;
  row.setAttribute('aria-current', 'true');
  const head = $('thead', box).offsetHeight;  // sticky: it covers the top of the box
  if (row.offsetTop < box.scrollTop + head || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = row.offsetTop - head - box.clientHeight / 3;  // never scrollIntoView: the page must not jump
  }
}
function saveCsv() {
  const address = URL.createObjectURL(new Blob([S.data.csv], {type: 'text/csv'}));
  make('a', {href: address, download: S.data.clip.name.replace(/\.[^.]*$/, '') + '.sec2sec.csv'}).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
