// The curves of a training: loss, and the score beside the best trivial answer.
/** @import {Figure, Plot, Trace} from '../../viewer/types.d.ts' */
/** @import {Run} from './types.d.ts' */
import {CONFIG, plotly, themed} from '../../viewer/charts.js';
import {find, findAll, make} from '../../viewer/dom.js';
import {isNumber} from '../../viewer/numbers.js';
import {isDark} from '../../viewer/page.js';

/** @type {{[symbol: string]: string}} */
const SYMBOLS = {
  circle: '●',
  square: '■',
  star: '★',
  'square-open': '□',
  'diamond-open': '◇',
  'triangle-up-open': '△',
  'x-thin-open': '×',
  'star-open': '☆',
  'hexagon-open': '⬡',
};

export class Curves {
  /** @type {Run | null} */
  run = null;
  /** The epoch that is marked; 0: none. */
  epoch = 0;

  /** @param {HTMLElement} root @param {string} plotlyPath */
  constructor(root, plotlyPath) {
    this.root = root;
    this.plotlyPath = plotlyPath;
    this.box = find(root, '.tr-charts', HTMLElement);
    this.hosts = /** @type {NodeListOf<Plot>} */ (findAll(root, '.tr-plot'));
  }

  /** @param {Run | null} run */
  async draw(run = this.run) {
    this.run = run;
    this.box.hidden = !run?.figures;
    if (!run?.figures) return;
    for (const host of this.hosts) {
      // before plotly is there: what stands below must not jump when it comes
      const figure = figureOf(run.figures, host);
      host.style.height = figure.layout.height + 'px';
      find(host.parentElement ?? host, '.tr-legend', HTMLElement).replaceChildren(...figure.data.map(legendEntry));
    }
    const library = await plotly(this.plotlyPath);
    if (this.run !== run) return;
    for (const host of this.hosts) {
      if (!host.clientWidth) continue;
      const figure = figureOf(run.figures, host);
      const layout = {...themed(figure.layout, this.root), width: host.clientWidth, shapes: this.marker()};
      host.setAttribute('aria-label', describe(figure, run.epochs));
      await library.react(host, figure.data, layout, CONFIG);
    }
    this.root.dataset.epochs = String(run.epochs);
  }

  /** @param {number} epoch */
  async mark(epoch) {
    this.epoch = epoch;
    const library = await plotly(this.plotlyPath);
    for (const host of this.hosts) if (host.data) library.relayout(host, {shapes: this.marker()});
  }

  marker() {
    if (!this.epoch) return [];
    const line = {width: 8, color: isDark() ? 'rgba(255,255,255,.13)' : 'rgba(40,60,90,.13)'};
    return [{type: 'line', x0: this.epoch, x1: this.epoch, y0: 0, y1: 1, yref: 'paper', layer: 'below', line}];
  }
}

/** @param {{[name: string]: Figure}} figures @param {HTMLElement} host */
function figureOf(figures, host) {
  return figures[host.dataset.plot ?? ''];
}

/** @param {Figure} figure @param {number} epochs */
function describe({data}, epochs) {
  const lines = data.map(({name, y}) => `${name} ${isNumber(y.at(-1)) ? y.at(-1).toFixed(3) : 'unknown'}`);
  return `${lines.join(', ')}, after epoch ${epochs}`;
}

/** @param {Trace} trace */
function legendEntry({line, mode, marker, name}) {
  const sign = line?.dash === 'dash' ? '╌╌' : mode === 'lines' ? '──' : (SYMBOLS[marker.symbol] ?? '●');
  return make('span', {}, make('b', {style: `color:${marker.color}`, 'aria-hidden': 'true'}, sign), name);
}
