// What is known of the selected second of one clip: a picture and the sound's MFCC with a grid over each, and a map.
/** @import {Source} from './choices.js' */
/** @import {Places} from './places.js' */
/** @import {View} from './view.js' */
import {Choices} from './choices.js';
import {Controls} from './controls.js';
import {make, markChosen} from './dom.js';
import {Heatmap} from './heatmap.js';
import {audioTokens, byPlace, largest, Relevances, sharesOf, videoTokens} from './maps.js';
import {MfccImage} from './mfcc.js';
import {SOUND_AXIS, bandWords, momentSpan, secondSpan} from './numbers.js';
import {Overlay} from './overlay.js';

const ONE_PLACE = 'There is one place only, so its weight is 1 by construction.';
const ONE_SOUND = 'There is one sound token only, so its weight is 1 by construction.';
const HINT =
  'Click a place in the picture to see which sound it listens to, and a moment of sound to see where it looks. ' +
  'The weights are where the model looked within this second, not what caused the prediction.';
const OCCLUDED = {
  both: 'this place (or this moment and texture of the sound)',
  video: 'this place',
  audio: 'this sound',
};
/** @type {Record<Source['kind'], [picture: string, sound: string]>} */
const TITLES = {
  '': ['', ''],
  attention: ['Where the sound looks', 'What the place listens to'],
  relevance: ['Relevance of places', 'Relevance of the sound'],
  occlusion: ['Measured effect of places', 'Measured effect of the sound'],
};

export class SecondPanel {
  /** @param {View} view @param {HTMLElement} host @param {Places} places @param {Source[]} sources
   * @param {() => void} redraw */
  constructor(view, host, places, sources, redraw) {
    const {maps, relevance, mfcc, reads} = view.payload;
    this.view = view;
    this.host = host;
    this.places = places;
    this.redraw = redraw;
    this.grids = maps;
    this.reads = reads; // what the model does not read has no place here
    this.choices = new Choices(maps.video_grid, maps.audio_grid, sources);
    this.relevances = new Map(
      relevance.map(({target, video, audio}) => [target, {video: new Relevances(video), audio: new Relevances(audio)}]),
    );
    this.mfcc = mfcc && new MfccImage(mfcc);
    this.maps = maps.video ? maps : null;
    const pick = (/** @type {number} */ row, /** @type {number} */ column) => {
      this.choices.chooseTokens(row, column);
      redraw();
      view.player.seekWithin(view.selected, this.choices.momentInSecond);
    };
    this.heatmap = this.maps && new Heatmap(view, host, this.maps, this.choices, pick);
    this.controls = new Controls(maps, this.choices, reads, redraw, () => {
      places.failure = null; // what the server refused may be asked once more
    });
    this.where = make('p', {class: 's2s-where'});
    this.still = make('img', {alt: '', class: 's2s-still'});
    this.canvas = make('canvas', {class: 's2s-mfcc'});
    this.note = make('p', {class: 's2s-note'}, this.occlusionInWords());
    this.picture = this.makePicture();
    this.sound = this.makeSound();
    this.fill();
  }

  occlusionInWords() {
    const part = OCCLUDED[this.reads.length > 1 ? 'both' : this.reads[0]];
    const without = `the prediction minus the prediction with ${part} replaced by the average of the training data`;
    return `Occlusion: ${without}, each token alone.` + this.momentsInWords();
  }

  momentsInWords() {
    const [moments] = this.grids.video_grid;
    return this.reads.includes('video') && moments > 1
      ? ` A place of the picture has ${moments} moments: “any moment” sums them.`
      : '';
  }

  // ---- structure --------------------------------------------------------------------------------------------------

  makePicture() {
    const {choices, controls} = this;
    const [, rows, columns] = this.grids.video_grid;
    const overlay = new Overlay({
      name: 'Places in the picture',
      label: 'Place in the picture',
      rows,
      columns,
      words: cell => choices.placeWords(cell),
      tokenOf: cell => cell,
      redraw: this.redraw,
      pick: cell => {
        choices.place = cell;
        this.redraw();
      },
    });
    const [left, top, right, bottom] = this.grids.video_region.map(side => 100 * side);
    const region = {left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%`};
    Object.assign(overlay.grid.style, region);
    overlay.grid.classList.add('has-shade');
    overlay.stage.append(this.still, overlay.grid);
    if (left > 1 || top > 1) {
      const style = `width:${Math.max(left, 14)}%`;
      overlay.stage.append(make('span', {class: 's2s-outside', style}, 'outside the model’s view'));
    }
    overlay.controls.append(controls.moment.label, controls.band.label);
    return overlay;
  }

  makeSound() {
    const {choices, grids} = this;
    const [rows, columns] = grids.audio_grid;
    const overlay = new Overlay({
      name: grids.bands === 'mfcc' ? 'Moments and texture of the sound' : 'Moments of the sound',
      label: grids.bands === 'mfcc' ? 'Moment and texture of the sound' : 'Moment of the sound',
      rows,
      columns,
      words: cell => choices.soundWords(cell, grids.n_mfcc, grids.bands),
      tokenOf: cell => choices.tokenOf(cell),
      redraw: this.redraw,
      pick: cell => {
        choices.chooseSound(cell);
        this.redraw();
      },
    });
    overlay.box.classList.add('has-axes');
    overlay.stage.append(this.canvas, overlay.grid, ...soundAxes(grids));
    overlay.controls.append(this.controls.pictureMoment.label);
    return overlay;
  }

  fill() {
    const {host, controls, heatmap, choices} = this;
    const uniform = make('input', {
      type: 'checkbox',
      onchange: () => {
        choices.drawsUniform = uniform.checked;
        this.redraw();
      },
    });
    const drawsUniform = make('label', {class: 's2s-choice'}, uniform, ' draw nearly uniform maps too');
    if (this.maps) host.append(make('p', {class: 's2s-note'}, HINT, this.maps.note ? ' ' + this.maps.note : ''));
    host.append(
      make(
        'div',
        {class: 's2s-controls'},
        this.where,
        controls.source.label,
        controls.head.label,
        heatmap && drawsUniform,
      ),
      this.note,
      make('div', {class: 's2s-pair'}, this.picture.box, this.sound.box),
    );
    if (!heatmap) return;
    const title = make('h3', {}, 'All attention weights of the second');
    host.append(make('div', {class: 's2s-controls'}, title, controls.rows.label), heatmap.verdict, heatmap.host);
  }

  // ---- drawing ----------------------------------------------------------------------------------------------------

  /** @param {number} second @param {boolean} isSeen */
  draw(second, isSeen) {
    const {view, host, choices, controls} = this;
    const still = view.payload.stills[second];
    const pinned = view.pinned !== null ? 'pinned' : 'follows playback';
    host.dataset.second = String(second);
    this.where.textContent = `${secondSpan(second)}, ${pinned}`;
    controls.show(choices);
    this.still.hidden = !still;
    if (still) this.still.src = 'data:image/jpeg;base64,' + still;
    this.mfcc?.draw(this.canvas, second);
    this.drawHeads();
    markChosen(this.picture.cells, choices.place, cell => cell === choices.place);
    if (choices.chosen.kind === 'occlusion') this.drawEffects(second, choices.chosen.target);
    else if (choices.chosen.kind) this.drawWeights(second);
    this.heatmap?.draw(second, {isSeen});
  }

  /** What the two pictures show, and which controls belong to that. */
  drawHeads() {
    const {choices, controls, picture, sound} = this;
    const {kind} = choices.chosen;
    const {places} = this.view.payload;
    const isAttention = kind === 'attention';
    const isMeasured = kind === 'occlusion';
    // relevance and occlusion are of all heads and of the whole second
    for (const {label} of [controls.head, controls.moment, controls.band]) label.hidden = !isAttention;
    picture.box.hidden = !kind || (isMeasured && !places?.video);
    sound.box.hidden = !kind || (isMeasured && !places?.audio);
    this.note.hidden = !isMeasured;
    this.host.dataset.places = '';
    const [pictureWords, soundWords] = isAttention ? this.attentionInWords() : this.measureInWords();
    picture.head(TITLES[kind][0], pictureWords);
    sound.head(TITLES[kind][1], soundWords);
    const home = isAttention ? sound : picture; // the moment is that of the place, or of what is drawn
    const {label} = controls.pictureMoment;
    if (label.parentNode !== home.controls) home.controls.append(label);
  }

  pictureMomentInWords() {
    const {pictureMoment} = this.choices;
    return pictureMoment < 0 ? '' : ` at ${momentSpan(pictureMoment, this.grids.video_grid[0])}`;
  }

  /** @returns {[picture: string, sound: string]} */
  attentionInWords() {
    const {choices, grids} = this;
    const [bands, moments] = grids.audio_grid;
    const band = choices.band < 0 ? '' : `, ${bandWords(choices.band, bands, grids.n_mfcc, grids.bands)}`;
    return [
      `attention at ${momentSpan(choices.moment, moments)}${band}`,
      `attention of ${choices.placeWords(choices.place)}${this.pictureMomentInWords()}`,
    ];
  }

  /** @returns {[picture: string, sound: string]} */
  measureInWords() {
    const {kind, target} = this.choices.chosen;
    const scale =
      kind === 'occlusion' ? 'occlusion, change of the prediction' : 'gradient × attention, share of the second';
    const words = (target ? `for ${target}, ` : '') + scale;
    return [words + this.pictureMomentInWords(), words];
  }

  /** Attention, or the relevance of a target. @param {number} second */
  drawWeights(second) {
    const {choices, picture, sound, maps} = this;
    if (!maps) return;
    const {chosen} = choices;
    const [looks, listens] =
      chosen.kind === 'relevance' ? this.relevance(second, chosen.target) : this.attention(second);
    const how = {nearlyEven: maps.nearly_even, drawsUniform: choices.drawsUniform};
    picture.drawWeights(looks, {...how, constant: picture.cells.length === 1 ? ONE_PLACE : ''});
    sound.drawWeights(listens, {...how, constant: sound.cells.length === 1 ? ONE_SOUND : ''});
    markChosen(sound.cells, choices.soundCell, cell => choices.looksFrom(cell));
  }

  /** Weights of the places that the sound looks at, and of the sounds that the place listens to.
   * @param {number} second */
  attention(second) {
    const {choices, heatmap} = this;
    const {video_grid, audio_grid} = this.grids;
    if (!heatmap) throw new Error('attention is no source where there are no maps');
    const {video, audio} = heatmap.maps;
    const lookers = audioTokens(audio_grid, choices.moment, choices.band);
    const listeners = videoTokens(video_grid, choices.place, choices.pictureMoment);
    return [
      byPlace(audio.meanOf(second, choices.head, lookers), video_grid),
      video.meanOf(second, choices.head, listeners),
    ];
  }

  /** Gradient × attention for one target, as shares of the second. @param {number} second @param {string} target */
  relevance(second, target) {
    const relevances = this.relevances.get(target);
    if (!relevances) throw new Error(`no relevance for ${target}`);
    const places = byPlace(relevances.video.of(second), this.grids.video_grid, this.choices.pictureMoment);
    return [sharesOf(places), sharesOf(relevances.audio.of(second))];
  }

  /** Occlusion, once it is known. @param {number} second @param {string} target */
  drawEffects(second, target) {
    const {view, host, places, choices, picture, sound} = this;
    const offer = view.payload.places;
    const effects = places.of(second);
    markChosen(sound.cells, choices.cell, cell => cell === choices.cell);
    host.dataset.places = effects ? `${second} ${target}` : '';
    if (!effects) {
      const words = places.waitingWords(second);
      if (offer?.video) picture.wait(words);
      if (offer?.audio) sound.wait(words);
      return;
    }
    const k = view.payload.targets.findIndex(({name}) => name === target);
    const overlays = [];
    if (offer?.video) {
      const values = byPlace(effects.video[k], this.grids.video_grid, choices.pictureMoment);
      overlays.push({overlay: picture, values, chosen: choices.place});
    }
    if (offer?.audio) overlays.push({overlay: sound, values: effects.audio[k], chosen: choices.cell});
    const top = Math.max(...overlays.map(({values}) => largest(values))); // one scale for both, so that they compare
    for (const {overlay, values, chosen} of overlays) {
      overlay.drawEffects(values, {target, top, small: offer?.small ?? 0, chosen});
    }
  }

  clear() {
    this.heatmap?.clear();
  }
}

/** @param {import('./types.d.ts').Grids} grids */
function soundAxes({n_mfcc: rows, bands}) {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  /** @param {string} name @param {string} words @param {string} [style] */
  const label = (name, words, style) => make('span', {class: name, 'aria-hidden': 'true', style}, words);
  return [
    label('s2s-ytitle', SOUND_AXIS[bands]),
    ...ticks.slice(0, 4).map(at => label('s2s-ytick', String(Math.round(at * rows)), `bottom:${100 * at}%`)),
    ...ticks.map(at => label('s2s-xtick', String(1000 * at), `left:${100 * at}%`)),
    label('s2s-xtitle', 'time in the second, ms'),
  ];
}
