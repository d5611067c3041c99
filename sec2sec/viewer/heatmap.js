// All attention weights of the second between sound and picture tokens, as one map.
/** @import {Plot, Plotly, SentMaps} from './types.d.ts' */
/** @import {Choices} from './choices.js' */
/** @import {View} from './view.js' */
import {CONFIG, themed} from './charts.js';
import {make} from './dom.js';
import {CoAttentionMaps} from './maps.js';
import {isDark} from './page.js';

const NARROW = 520; // px of the box around it; below it labels shrink
const CHOSEN = {color: '#ff5c5c', width: 1.5};

export class Heatmap {
  verdict = make('p', {class: 's2s-verdict', role: 'status'});
  host = make('div', {
    class: 's2s-matrix',
    role: 'img',
    'aria-label': 'Heatmap of the weights between picture and sound tokens',
  });
  /** @type {Plot | null} */
  plot = null;
  /** Direction, width and theme of what is drawn: where they are the same, its numbers alone change. */
  drawnAs = '';
  isClickable = false;
  /** @type {{[rows: string]: string[][]}} what each cell says under the pointer */
  cellWords = {};

  /** @param {View} view @param {HTMLElement} box @param {SentMaps} sent @param {Choices} choices
   * @param {(row: number, column: number) => void} pick */
  constructor(view, box, sent, choices, pick) {
    this.view = view;
    this.box = box;
    this.sent = sent;
    this.choices = choices;
    this.pick = pick;
    this.maps = {video: new CoAttentionMaps(sent.video), audio: new CoAttentionMaps(sent.audio)};
  }

  get isNarrow() {
    return this.box.clientWidth < NARROW;
  }

  /** @param {number} second @param {{isSeen: boolean, fresh?: boolean}} options fresh: size or theme have changed */
  async draw(second, {isSeen, fresh = false}) {
    const {choices, sent} = this;
    const maps = this.maps[choices.rows];
    const isConstant = maps.columns === 1;
    const entropies = sent[choices.rows].entropy[second];
    const entropy = entropies[choices.head + 1] ?? entropies[0];
    const isFlat = !isConstant && entropy >= sent.nearly_uniform;
    const isDrawn = !isConstant && (!isFlat || choices.drawsUniform);
    this.verdict.textContent = entropyInWords(entropy, {isConstant, isFlat, isDrawn});
    this.verdict.classList.toggle('is-flat', isConstant || isFlat);
    this.host.hidden = !isDrawn;
    if (!isDrawn || (!isSeen && !fresh)) return;
    const plotly = await this.view.plotly;
    if (this.view.data?.maps !== sent) return; // another clip came in the meantime
    const weights = maps.of(second, choices.head);
    const z = Array.from({length: maps.rows}, (_, row) =>
      Array.from(weights.subarray(row * maps.columns, (row + 1) * maps.columns)),
    );
    await this.show(plotly, z, Math.max(maps.peak(choices.head), 2 / maps.columns), fresh);
  }

  /** @param {Plotly} plotly @param {number[][]} z @param {number} top end of the colours @param {boolean} fresh */
  async show(plotly, z, top, fresh) {
    const {tickvals, ticktext} = this.ticks(top, 1 / z[0].length);
    const shapes = this.outlines();
    const drawAs = [this.choices.rows, this.box.clientWidth, isDark()].join();
    if (this.plot && this.drawnAs === drawAs && !fresh) {
      const changed = {z: [z], zmax: top, 'colorbar.tickvals': [tickvals], 'colorbar.ticktext': [ticktext]};
      await plotly.update(this.plot, changed, {shapes}, [0]);
      return;
    }
    this.drawnAs = drawAs;
    const {figure} = this.sent[this.choices.rows];
    const [trace] = figure.data;
    const colorbar = {...trace.colorbar, tickvals, ticktext, outlinewidth: 0, ...(this.isNarrow ? LYING : {})};
    const data = [{...trace, z, zmax: top, text: this.wordsOfCells(), colorbar}];
    this.plot = await plotly.react(this.host, data, this.layout(shapes), CONFIG);
    if (this.isClickable) return;
    this.isClickable = true;
    this.plot.on('plotly_click', event => this.pick(...event.points[0].pointIndex));
  }

  /** Of the colour bar. @param {number} top @param {number} uniform weight of a uniform row */
  ticks(top, uniform) {
    const {isNarrow} = this;
    const apart = top / (isNarrow ? 4 : 12);
    const tickvals = (isNarrow ? [0, uniform, top] : [0, uniform, top / 2, top]).filter(
      (value, i) => i === 1 || Math.abs(value - uniform) > apart,
    );
    const words = isNarrow ? '<br>uniform' : ' uniform';
    return {tickvals, ticktext: tickvals.map(value => value.toFixed(3) + (value === uniform ? words : ''))};
  }

  wordsOfCells() {
    const {rows} = this.choices;
    const {meta} = this.sent[rows].figure.layout;
    this.cellWords[rows] ??= meta.rows.map((/** @type {string} */ row) =>
      meta.columns.map((/** @type {string} */ column) => `${row}<br>→ ${column}`),
    );
    return this.cellWords[rows];
  }

  /** @param {object[]} shapes */
  layout(shapes) {
    const layout = themed(this.sent[this.choices.rows].figure.layout, this.view.root);
    Object.assign(layout, {width: this.box.clientWidth, shapes});
    if (!this.isNarrow) return layout;
    layout.margin = {...layout.margin, l: 78, b: 110};
    for (const name of ['xaxis', 'yaxis']) {
      // short labels, and the unit in the title
      const axis = layout[name];
      const isThin = name === 'xaxis' && axis.tickvals.length > 4;
      const text = axis.title.text.startsWith('picture')
        ? 'picture, ms'
        : axis.title.text.split(', moments')[0].replace(':', ',');
      const ticktext = axis.ticktext.map((/** @type {string} */ words, /** @type {number} */ i) =>
        isThin && i % 2 ? '' : words.replace(' ms', ''),
      );
      layout[name] = {...axis, ticktext, title: {...axis.title, text}};
    }
    return layout;
  }

  /** Row and column of the chosen cell. */
  outlines() {
    const cell = this.choices.cellOfMap;
    if (!cell) return [];
    const {row, column} = cell;
    const rectangle = {type: 'rect', line: CHOSEN};
    return [
      {...rectangle, xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: row - 0.5, y1: row + 0.5},
      {...rectangle, xref: 'x', yref: 'paper', x0: column - 0.5, x1: column + 0.5, y0: 0, y1: 1},
    ];
  }

  clear() {
    if (this.plot) window.Plotly.purge(this.plot);
    this.plot = null;
  }
}

/** A colour bar below the map. */
const LYING = {
  orientation: 'h',
  tickangle: 0,
  y: -0.16,
  yanchor: 'top',
  title: {text: 'weight, each row sums to 1', side: 'bottom'},
};

/** @param {number} entropy as a share @param {{isConstant: boolean, isFlat: boolean, isDrawn: boolean}} state */
function entropyInWords(entropy, {isConstant, isFlat, isDrawn}) {
  if (isConstant) {
    return 'Only one token can be looked at, so every weight is 1 by construction: there is nothing to draw.';
  }
  if (!isFlat) {
    return `Entropy of this map: ${entropy.toFixed(2)} of a uniform one (0: one cell, 1: all equal).`;
  }
  const words = `This map is nearly uniform (${entropy.toFixed(3)} of the entropy of a uniform one)`;
  return `${words}: it points nowhere${isDrawn ? '.' : ', so it is not drawn.'}`;
}
