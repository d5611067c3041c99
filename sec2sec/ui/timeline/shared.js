// Runs inside gr.HTML(js_on_load=…): element, trigger, props, server, upload and watch are given by gradio. The files of
// this folder are joined in the order of files.py's SCRIPTS, and share one scope.
const root = element.querySelector('.s2s');
const $ = (selector, from = root) => from.querySelector(selector);

// One selection for every view. `current` follows the video, `pinned` overrules it; null and -1: none.
const S = {data: null, current: -1, pinned: null, loop: false, cursor: 0};
const selected = () => (S.pinned !== null ? S.pinned : Math.max(S.current, 0));
const video = () => document.querySelector('#' + props.video_id + ' video');

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));  // text, never HTML: names are not ours
  return node;
}

const known = value => typeof value === 'number' && isFinite(value);
const percent = value => (known(value) ? (100 * value).toFixed(1) + ' %' : '–');
const wholePercent = value => (known(value) ? Math.round(100 * value) + ' %' : '–');
const signed = value => (known(value) ? (value < 0 ? '−' : '+') + Math.abs(value).toFixed(3) : '–');
const share = value => (known(value) ? value.toFixed(2).replace('-', '−') : '–');
const secondWords = s => `${s}–${s + 1} s`;

function bytes(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

const dark = () => document.body.classList.contains('dark');
function theme() {  // Plotly knows no CSS variables
  const ink = dark() ? '#d5dae3' : '#2b3442', line = dark() ? '#39424f' : '#dfe4ea';
  return {ink, line, zero: dark() ? '#7b8798' : '#8a95a5', font: getComputedStyle(root).fontFamily};
}
function themed(layout) {
  const t = theme();
  const out = Object.assign({}, layout, {
    autosize: true, showlegend: false, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: {color: t.ink, size: 11, family: t.font}, hoverlabel: {font: {size: 12}},
  });
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis/.test(key)) {
      out[key] = Object.assign({gridcolor: t.line, zerolinecolor: t.zero, linecolor: t.line, tickfont: {size: 11}}, layout[key]);
      out[key].fixedrange = true;
      if (out[key].title) out[key].title = Object.assign({font: {size: 11}}, out[key].title);
    }
  }
  return out;
}

// plotly.js comes from the installed package, at a path that also holds when the app lives under a sub-path.
function plotly() {
  if (!window.__s2sPlotly) {
    window.__s2sPlotly = new Promise((done, failed) => {
      const at = ((window.gradio_config && window.gradio_config.root) || '').replace(/\/$/, '');
      const script = make('script', {src: at + '/gradio_api/file=' + props.plotly_js});
      script.onload = () => done(window.Plotly);
      script.onerror = () => failed(new Error('plotly.js could not be loaded'));
      document.head.append(script);
    });
  }
  return window.__s2sPlotly;
}
const CONFIG = {responsive: false, displayModeBar: false, displaylogo: false, scrollZoom: false, doubleClick: false};

// Radio buttons laid out as a grid over a picture: one stop in the tab order, arrow keys move within.
function radioGrid(host, {rows, columns, label, pick}) {
  host.setAttribute('role', 'radiogroup');
  host.setAttribute('aria-label', label);
  host.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
  host.replaceChildren();
  const cells = [];
  for (let i = 0; i < rows * columns; i++) {
    const cell = make('button', {type: 'button', role: 'radio', class: 's2s-cell', tabindex: i ? -1 : 0, 'aria-checked': 'false',
      'aria-label': `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`, onclick: () => pick(i)});
    cell.append(make('span'));
    cells.push(cell);
  }
  host.append(...cells);
  host.onkeydown = event => {
    const at = cells.indexOf(document.activeElement);
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    event.stopPropagation();  // here the arrows move in the grid, not in time
    const to = at + step;
    const sameRow = Math.abs(step) !== 1 || Math.floor(to / columns) === Math.floor(at / columns);
    if (to < 0 || to >= cells.length || !sameRow) return;
    pick(to);
    cells[to].focus();
  };
  return cells;
}
function check(cells, chosen, isOn) {
  cells.forEach((cell, i) => {
    cell.setAttribute('aria-checked', String(i === chosen));
    cell.tabIndex = i === chosen ? 0 : -1;
    cell.classList.toggle('is-on', isOn(i));
  });
}
