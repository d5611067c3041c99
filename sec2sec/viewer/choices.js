// What a visitor chose to see of one second, and how cells of the screen stand for tokens.
/** @import {AudioGrid, Payload, Relevance, Rows, VideoGrid} from './types.d.ts' */
import {audioTokens, videoTokens} from './maps.js';
import {bandWords, momentSpan} from './numbers.js';

/** What the two pictures can show: attention, the relevance of a target, or the occlusion of a target; '' nothing yet.
 * @typedef {{kind: 'attention' | '', target: '', words: string}
 *   | {kind: 'relevance', target: string, words: string, relevance: Relevance}
 *   | {kind: 'occlusion', target: string, words: string}} Source */

export class Choices {
  /** −1: the average of all heads. */
  head = -1;
  /** Which side asks in the large map.
   * @type {Rows} */
  rows = 'video';
  /** Index in `sources`. */
  source = 0;
  /** Moment and band of the sound that looks; band −1: all. */
  moment = 0;
  band = -1;
  /** Place and moment of the picture that listens; moment −1: all. */
  place = 0;
  pictureMoment = -1;
  /** Cell of the sound's grid whose occlusion is written out. */
  cell = 0;
  /** Nearly uniform maps are drawn too. */
  drawsUniform = false;

  /** @param {VideoGrid} videoGrid @param {AudioGrid} audioGrid @param {Source[]} sources */
  constructor(videoGrid, audioGrid, sources) {
    this.videoGrid = videoGrid;
    this.audioGrid = audioGrid;
    this.sources = sources;
    const [, height, width] = videoGrid;
    const [bands, moments] = audioGrid;
    this.moment = moments >> 1;
    this.cell = (bands - 1) * moments + this.moment;
    this.place = (height >> 1) * width + (width >> 1);
  }

  get chosen() {
    return this.sources[this.source];
  }

  /** A cell of the sound's grid: its moment, and its band where one was chosen before. @param {number} cell */
  chooseSound(cell) {
    const [bands, moments] = this.audioGrid;
    this.cell = cell;
    this.moment = cell % moments;
    if (this.band >= 0) this.band = bands - 1 - Math.floor(cell / moments);
  }

  /** A cell of the large map chooses both its sides. @param {number} row @param {number} column */
  chooseTokens(row, column) {
    const [, height, width] = this.videoGrid;
    const [, moments] = this.audioGrid;
    const [video, audio] = this.rows === 'video' ? [row, column] : [column, row];
    this.pictureMoment = Math.floor(video / (height * width));
    this.place = video % (height * width);
    this.band = Math.floor(audio / moments);
    this.moment = audio % moments;
  }

  /** Where the moment of the asking side lies in its second, as a share. */
  get momentInSecond() {
    return this.rows === 'video' ? this.pictureMoment / this.videoGrid[0] : this.moment / this.audioGrid[1];
  }

  /** Row and column of the large map, where one token of each side is chosen. */
  get cellOfMap() {
    if (this.band < 0 || this.pictureMoment < 0) return null;
    const [video] = videoTokens(this.videoGrid, this.place, this.pictureMoment);
    const [audio] = audioTokens(this.audioGrid, this.moment, this.band);
    return this.rows === 'video' ? {row: video, column: audio} : {row: audio, column: video};
  }

  // ---- the two grids: places, and bands × moments with the lowest coefficients at the bottom ----------------------

  /** The audio token of a cell. @param {number} cell */
  tokenOf(cell) {
    const [bands, moments] = this.audioGrid;
    return (bands - 1 - Math.floor(cell / moments)) * moments + (cell % moments);
  }

  /** The cell of the sound that looks. */
  get soundCell() {
    const [bands, moments] = this.audioGrid;
    return (this.band < 0 ? bands - 1 : bands - 1 - this.band) * moments + this.moment;
  }

  /** Whether the sound that looks is in a cell. @param {number} cell */
  looksFrom(cell) {
    const [bands, moments] = this.audioGrid;
    const isBand = this.band < 0 || Math.floor(cell / moments) === bands - 1 - this.band;
    return cell % moments === this.moment && isBand;
  }

  /** @param {number} place */
  placeWords(place) {
    const [, , width] = this.videoGrid;
    return `row ${Math.floor(place / width) + 1}, column ${(place % width) + 1}`;
  }

  /** @param {number} cell @param {number} rows of the sound's image
   * @param {import('./types.d.ts').Bands} [kind] */
  soundWords(cell, rows, kind = 'mfcc') {
    const [bands, moments] = this.audioGrid;
    const band = bandWords(bands - 1 - Math.floor(cell / moments), bands, rows, kind);
    return `${band}, ${momentSpan(cell % moments, moments)}`;
  }
}

/** What there is to choose from: maps, gradients, and what the server can be asked for.
 * @param {Payload} payload @returns {Source[]} */
export function sourcesOf({maps, relevance, targets, places}) {
  const measurable = places && !places.absent ? targets : [];
  /** @type {Source[]} */
  const sources = [];
  if (maps.video) {
    sources.push({kind: 'attention', target: '', words: 'attention, as it is'});
    for (const of of relevance) {
      const words = `relevance for ${of.target} (gradient × attention)`;
      sources.push({kind: 'relevance', target: of.target, words, relevance: of});
    }
  } else if (measurable.length) sources.push({kind: '', target: '', words: 'Select …'});
  for (const {name} of measurable) {
    sources.push({kind: 'occlusion', target: name, words: `occlusion for ${name} (measured effect)`});
  }
  return sources;
}
