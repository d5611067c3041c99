// What training/status.py answers: the trainings of a visitor, and all that is new of the one that is chosen.
import type {Failure, Figure} from '../../viewer/types.d.ts';

export interface TrainingProps {
  /** {visitor, run} as JSON: who asks, and the training that was just started. */
  value: string | null;
  plotly_js: string;
}

export interface TrainingServer {
  job_status(question: {
    visitor: string;
    run: string | null;
    /** Epochs that the page has of it. */
    since: number;
    signature: string | null;
    /** Whether those of others are asked for as well, where the server allows it. */
    everybody: boolean;
  }): Promise<Failure | JobStatus>;
  stills(question: {visitor: string; run: string | null; everybody: boolean}): Promise<{[id: string]: ClipFacts}>;
  act(question: {visitor: string; run: string | null; everybody: boolean; what: string}): Promise<ActAnswer>;
}

/** With the signature that was sent along, nothing else is there: nothing is new. */
export type JobStatus = {error?: undefined; signature: string; others: number; runs?: Entry[]; run?: Run | null};
export type ActAnswer = {error?: string; file?: string; name?: string};

/** A training in the list. */
export interface Entry {
  id: string;
  title: string;
  /** Data, system and preset. */
  about: string;
  words: string;
  stage: string;
  /** s since 1970. */
  created: number;
}

export interface Run {
  id: string;
  title: string;
  about: string;
  stage: string;
  label: string;
  message: string;
  /** Of its stage that is done, where that is known. */
  fraction: number | null;
  /** Time left in words, or ''. */
  left: string;
  sentence: string;
  /** When it will be deleted with its data and its model, s since 1970; null while it runs or where all are kept. */
  deletion: number | null;
  /** Action → whether it is possible now. */
  can: {[action: string]: boolean};
  figures: {[name: string]: Figure} | null;
  table: ScoreTable | null;
  epochs: number;
  /** Epochs of which `examples` are left out. */
  since: number;
  examples: Example[][];
  /** Whether the model has attention over seconds. */
  attends: boolean;
}

export interface ScoreTable {
  caption: string;
  note: string;
  rows: [
    target: string,
    metric: string,
    score: number,
    trivial: number,
    gain: number,
    interval: [low: number, high: number] | null,
  ][];
}

/** A validation clip after one epoch. */
export interface Example {
  id: string;
  truth: {[target: string]: number | null};
  prediction: {[target: string]: number};
  attention: {[target: string]: number[]} | null;
}

/** What stays the same of a validation clip. */
export interface ClipFacts {
  /** A data URL. */
  still: string | null;
  /** Seconds that hold the cues, where they are known. */
  planted: number[] | null;
}

/** A field of the form: what it begins with, and what it can hold (remember.py). */
export interface FormField {
  name: string;
  kind: 'number' | 'boolean' | 'string';
  choices: (string | number | boolean)[] | null;
  value: unknown;
}
