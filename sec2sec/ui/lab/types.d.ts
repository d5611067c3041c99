// What lab/payload.py sends: the clip as the edits left it.

export interface LabProps {
  /** A Lab as JSON. */
  value: string | null;
}

export interface Lab {
  /** Rises with each answer. */
  serial: number;
  /** Why the last edit was not possible, or ''. */
  refused: string;
  clip: {name: string; start: number; has_audio: boolean; has_video: boolean};
  model: string;
  /** The modalities that the model takes in: edits of another change nothing. */
  reads: ('video' | 'audio')[];
  targets: Target[];
  seconds: Second[];
  edits: {words: string; changes: number[]}[];
  undone: number;
  renderable: boolean;
  soundtracks: string[];
  /** The answer to why the prediction changed, where that was asked. */
  why: Why | null;
  /** JPEGs in base64 of the clip's own seconds; sent once a clip. */
  stills?: (string | null)[];
}

/** What lab/why.py answers; only `refused` where it could not. */
export interface Why {
  /** Why there is no answer, or ''. */
  refused: string;
  /** How many orders were drawn; 0 where the figures are exact. */
  orders: number;
  /** The largest standard error. */
  error: number;
  /** Of each second, whether the model reads another one. */
  changed: {sound: boolean[]; picture: boolean[]};
  targets: {name: string; change: number; sentence: string; sound: number[]; picture: number[]}[];
}

export interface Target {
  name: string;
  /** Of people's judgements, else 0 to 1, of which predictions, changes and effects are shares. */
  scale: [lowest: number, highest: number];
  before: number;
  after: number;
  attention: number[] | null;
  /** Of each second of the clip as it is; null where effects are not measured. */
  before_effect: number[] | null;
  effect: number[] | null;
}

/** One second of the edited clip. */
export interface Second {
  /** Index of its still; null for black. */
  still: number | null;
  /** What is special about it, in words. */
  marks: string[];
  /** What plays in it, in words. */
  from: string;
}

export type EditName =
  'mute' | 'blank' | 'freeze' | 'blur' | 'drop' | 'remove' | 'shift-sound' | 'soundtrack' | 'reorder';
