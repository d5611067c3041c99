// What the scripts are given: by gradio or a report, by plotly.js, and by payload.py.

/** What gradio hands to the script of a gr.HTML; a report hands over as much of it as it can serve. */
export interface Component<Props, Server = undefined> {
  element: HTMLElement;
  props: Props;
  /** Calls what Python listens for, with event data. */
  trigger(event: string, data?: unknown): void;
  /** Runs when Python has sent another value of that property. */
  watch(property: keyof Props, changed: () => void): void;
  /** The component's server_functions. */
  server: Server;
}

export interface ViewProps {
  /** A Payload as JSON. */
  value: string | null;
  /** Id of what holds the video that the view follows. */
  video_id: string;
  /** Whether the page's address carries time and pinned second of this view. */
  link?: boolean;
  /** Whether Python opens a window of the curve when `select` names its point. */
  opens_windows?: boolean;
  /** Where plotly.js lies on the server; a report brings it along. */
  plotly_js?: string;
}

export interface ViewServer {
  places(question: {key: string; second: number}): Promise<PlacesAnswer>;
  maps(question: {key: string}): Promise<MapsAnswer>;
}

/** Effect of each token of one second: [target][token], in units of the prediction. */
export interface PlaceEffects {
  second: number;
  video: number[][];
  audio: number[][];
}
/** What a payload without maps lacks. */
export type MapsAnswer = Failure | (Pick<Payload, 'maps' | 'mfcc' | 'relevance'> & {error?: undefined});
export type PlacesAnswer = Failure | (PlaceEffects & {error?: undefined});

/** What a server function answers where it refused. */
export interface Failure {
  error: string;
}

/** A moment of the analysed part: within which second, and which share of it has passed. */
export interface Moment {
  second: number;
  inside: number;
}

// ---- plotly.js, as far as it is used ------------------------------------------------------------------------------

// Plotly's own records: too many fields to name those that only pass through.
export type Figure = {data: Trace[]; layout: any};
export type Trace = {[field: string]: any};
export interface Plot extends HTMLElement {
  data?: Trace[];
  on(event: 'plotly_click', handler: (event: {points: {pointIndex: [row: number, column: number]}[]}) => void): void;
}
export interface Plotly {
  react(host: HTMLElement, data: Trace[], layout: object, config: object): Promise<Plot>;
  update(host: HTMLElement, data: object, layout: object, traces: number[]): Promise<Plot>;
  relayout(host: HTMLElement, layout: object): Promise<Plot>;
  purge(host: HTMLElement): void;
}

declare global {
  interface Window {
    Plotly: Plotly;
    /** One for all views of a page. */
    __s2sPlotly?: Promise<Plotly>;
    gradio_config?: {root?: string};
  }
  interface DocumentEventMap {
    /** A view has another second. */
    's2s-selected': CustomEvent<{player: string; second: number; pinned: boolean}>;
    /** A view shall go to a second, or hold it or let it go where `pinned` is given. */
    's2s-select': CustomEvent<{player: string; second: number; pinned?: boolean}>;
    /** A view shows a clip, or none any more. isSame: of which it shows more now. */
    's2s-loaded': CustomEvent<{
      player: string;
      isShown: boolean;
      isSame: boolean;
      link: Payload['link'];
    }>;
    /** A visitor has uploaded a clip. */
    's2s-upload': CustomEvent<null>;
  }
}

// ---- payload.py ---------------------------------------------------------------------------------------------------

export interface Payload {
  /** The fields of a link that shows this again; null for a visitor's own clip. */
  link?: {clip: string; model: string} | null;
  clip: Clip;
  /** Name of the checkpoint. */
  model: string;
  /** The modalities that the model takes in. */
  reads: ('video' | 'audio')[];
  groups: [key: string, title: string][];
  lanes: Lane[];
  columns: Column[];
  csv: string;
  targets: Target[];
  /** Of a film: its predictions in windows. */
  curve?: Curve | null;
  sanity: Sanity[];
  /** Of each target the seconds that were planted, where the truth of the clip is known. */
  planted?: {[target: string]: number[]};
  /** What people said over time, where somebody gave it. */
  ratings?: RatingLane[];
  /** What words on the screen mean. */
  glossary?: {[term: string]: string};
  /** The seconds that are hatched, and all unfamiliar ones in words. */
  unfamiliar: {seconds: number[]; words: string[]};
  /** A JPEG in base64 for each second. */
  stills: (string | null)[];
  mfcc: Bytes<[seconds: number, coefficients: number, steps: number]> | null;
  maps: Maps;
  relevance: Relevance[];
  /** Whether the effect of single places may be asked for; absent from a report. */
  places?: {key: string; small: number; absent: string; video: boolean; audio: boolean};
}

/** The predictions of a film's windows; times are s of the analysed part. */
export interface Curve {
  /** s in the file where the whole begins, and its seconds. */
  start: number;
  seconds: number;
  window: number;
  hop: number;
  starts: number[];
  ends: number[];
  targets: CurveTarget[];
  words: string[];
  spread: string;
  /** The point whose window the rest of the view shows; null while it shows the whole. */
  opened: number | null;
}
export interface CurveTarget {
  name: string;
  /** Of people's judgements, else 0 to 1, of which the values below are shares. */
  scale: ScaleEnds;
  values: number[];
  /** Lowest and highest of the windows that cover a point. */
  low: number[];
  high: number[];
}

export interface Clip {
  name: string;
  /** s in the file, and s in what is played, where the analysed part begins. */
  start: number;
  offset: number;
  duration: number;
  seconds: number;
  has_audio: boolean;
  has_video: boolean;
  partial: boolean;
}

export interface Lane {
  data: Trace[];
  layout: {
    height: number;
    yaxis: object;
    shapes: object[];
    meta: {
      key: string;
      title: string;
      detail: string;
      group: string;
      open: boolean;
      warning?: string;
      along?: boolean;
    };
  };
}

export interface RatingLane {
  name: string;
  file: string;
  /** s in the analysed part. */
  times: number[];
  values: (number | null)[];
  /** The mean of each second. */
  seconds: (number | null)[];
  low: number;
  high: number;
  compared: string;
  heads: string[];
  rows: string[][];
}

export type Unit = 'share' | 'prediction' | 'logits' | 'value' | 'words';
export type Column = {target: string; name: string; main: boolean} & (
  {unit: 'words'; values: string[]} | {unit: Exclude<Unit, 'words'>; values: (number | null)[]}
);

export type Part = 'whole' | 'audio' | 'video' | 'interaction';
export type Reference = {reference: string} & Record<Part, (number | null)[]>;
/** From where to where a scale runs. */
export type ScaleEnds = [lowest: number, highest: number];
export interface Target {
  name: string;
  /** Of people's judgements, else 0 to 1. Effects are shares of it. */
  scale: ScaleEnds;
  attention: number[] | null;
  /** The second that counted most; null where none did. */
  decisive?: number | null;
  references: Reference[];
}

export type Examined = 'attention' | 'effect' | 'maps' | 'integrated' | 'relevance';
/** Rank correlation with the same of a model whose parts are random: from the first step on, one value a step. */
export type Sanity = {target: string; warning: string; steps: string[]} & Record<Examined, (number | null)[]>;

/** An array of uint8 in base64. */
export interface Bytes<Shape extends number[]> {
  shape: Shape;
  data: string;
}
/** Rows of an array, each as uint8 and one float32 that 255 stands for. */
export interface Quantised<Shape extends number[]> extends Bytes<Shape> {
  scale: string;
}

export type VideoGrid = [moments: number, height: number, width: number];
/** What the bands of the sound are. */
export type Bands = 'mfcc' | 'mel' | 'none';
export type AudioGrid = [bands: number, moments: number];
/** Which side asks: its tokens are the rows of a map. */
export type Rows = 'video' | 'audio';

export interface Grids {
  video_grid: VideoGrid;
  audio_grid: AudioGrid;
  /** Left, top, right and bottom of what the model sees, as shares of the picture. */
  video_region: [left: number, top: number, right: number, bottom: number];
  /** Rows of the sound's image. */
  n_mfcc: number;
  bands: Bands;
}
export interface Direction extends Quantised<[seconds: number, heads: number, rows: number, columns: number]> {
  /** Of each second: that of the heads' average, then of each head. */
  entropy: number[][];
  figure: Figure;
}
/** `absent` says why there are no maps, or is empty. */
export type Maps = Grids & (MissingMaps | SentMaps);
export interface MissingMaps {
  absent: string;
  /** They are to be asked for once they are in sight. */
  later?: boolean;
  video?: undefined;
  audio?: undefined;
}
export interface SentMaps {
  absent: '';
  later?: undefined;
  nearly_uniform: number;
  nearly_even: number;
  note: string;
  video: Direction;
  audio: Direction;
}

export interface Relevance {
  target: string;
  video: Quantised<[seconds: number, tokens: number]>;
  audio: Quantised<[seconds: number, tokens: number]>;
}
