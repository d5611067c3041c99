// The numbers behind what is drawn of one second: quantised weights, and their sums over places and moments.
// Visual token: (moment · height + row) · width + column. Audio token: band · moments + moment, low coefficients first.
/** @import {AudioGrid, Quantised, VideoGrid} from './types.d.ts' */

/** @typedef {Float32Array | number[]} Values */

/** @param {string} base64 */
export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** payload.quantise()'s answer: a value is its step / 255 of its row's scale. */
class QuantisedRows {
  /** @param {Quantised<number[]>} sent */
  constructor(sent) {
    this.columns = sent.shape[sent.shape.length - 1];
    this.steps = bytesOf(sent.data);
    this.scales = new Float32Array(bytesOf(sent.scale).buffer);
  }

  /** Adds a share of a row to `sums`, from an index on. @param {number} row @param {number} share
   * @param {Float32Array} sums @param {number} [at] */
  addRow(row, share, sums, at = 0) {
    const unit = (this.scales[row] / 255) * share;
    for (let k = 0; k < this.columns; k++) sums[at + k] += this.steps[row * this.columns + k] * unit;
  }
}

/** Relevance of the tokens of each second. */
export class Relevances extends QuantisedRows {
  /** @param {number} second */
  of(second) {
    const values = new Float32Array(this.columns);
    this.addRow(second, 1, values);
    return values;
  }
}

/** One direction of the co-attention: each row of a map sums to 1. */
export class CoAttentionMaps extends QuantisedRows {
  /** @type {Map<number, number>} head → its largest weight */
  peaks = new Map();

  /** @param {Quantised<[seconds: number, heads: number, rows: number, columns: number]>} sent */
  constructor(sent) {
    super(sent);
    const [seconds, heads, rows] = sent.shape;
    this.seconds = seconds;
    this.heads = heads;
    this.rows = rows;
  }

  /** The weights of one second, row after row. @param {number} second @param {number} head or −1: the average */
  of(second, head) {
    const weights = new Float32Array(this.rows * this.columns);
    const heads = head < 0 ? [...Array(this.heads).keys()] : [head];
    for (const one of heads) {
      for (let row = 0; row < this.rows; row++) {
        const sent = (second * this.heads + one) * this.rows + row;
        this.addRow(sent, 1 / heads.length, weights, row * this.columns);
      }
    }
    return weights;
  }

  /** The mean of some rows of one second. @param {number} second @param {number} head @param {number[]} rows */
  meanOf(second, head, rows) {
    const weights = this.of(second, head);
    const mean = new Float32Array(this.columns);
    for (const row of rows) {
      for (let k = 0; k < this.columns; k++) mean[k] += weights[row * this.columns + k] / rows.length;
    }
    return mean;
  }

  /** The largest weight of the whole clip: colours mean the same in every second. @param {number} head */
  peak(head) {
    let peak = this.peaks.get(head);
    if (peak === undefined) {
      peak = 0;
      for (let second = 0; second < this.seconds; second++) peak = this.of(second, head).reduce(larger, peak);
      this.peaks.set(head, peak);
    }
    return peak;
  }
}

/** @param {number} a @param {number} b */
function larger(a, b) {
  return Math.max(a, b);
}

/** As a share of that of even weights: 0 one cell, 1 all alike. @param {Values} weights */
export function entropyOf(weights) {
  if (weights.length < 2) return 1;
  const sum = sumOf(weights);
  let entropy = 0;
  for (const weight of weights) if (weight > 0) entropy -= (weight / sum) * Math.log(weight / sum);
  return entropy / Math.log(weights.length);
}

/** Values ≥ 0 as shares of their sum, where there is one. @param {Float32Array} values */
export function sharesOf(values) {
  const sum = sumOf(values);
  return sum > 0 ? values.map(value => value / sum) : values;
}

/** @param {Values} values */
function sumOf(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** @param {Values} values */
export function largest(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

/** Values of the visual tokens → of each place, at one moment or summed over all.
 * @param {Values} tokens @param {VideoGrid} grid @param {number} [moment] or −1: all */
export function byPlace(tokens, [moments, height, width], moment = -1) {
  const places = height * width;
  const sums = new Float32Array(places);
  for (let t = 0; t < moments; t++) {
    if (moment >= 0 && t !== moment) continue;
    for (let place = 0; place < places; place++) sums[place] += tokens[t * places + place];
  }
  return sums;
}

/** The audio tokens of one moment, in one band or in all. @param {AudioGrid} grid @param {number} moment
 * @param {number} band or −1: all */
export function audioTokens([bands, moments], moment, band) {
  return [...Array(bands).keys()].filter(b => band < 0 || b === band).map(b => b * moments + moment);
}

/** The visual tokens of one place, at one moment or at all. @param {VideoGrid} grid @param {number} place
 * @param {number} moment or −1: all */
export function videoTokens([moments, height, width], place, moment) {
  return [...Array(moments).keys()].filter(t => moment < 0 || t === moment).map(t => t * height * width + place);
}
