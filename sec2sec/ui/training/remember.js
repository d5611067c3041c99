// What was filled in for a training outlives the page: the browser keeps it, and nobody else gets it.
/** @import {FormField} from './types.d.ts' */
import {remember, remembered} from '../../viewer/storage.js';

const NAME = 'training-form';

/** @param {string[]} names @param {unknown[]} values */
export function save(names, values) {
  remember(NAME, Object.fromEntries(names.map((name, i) => [name, values[i]])));
}

/** The values of all fields: what was kept, where a field can still hold it. @param {FormField[]} fields */
export function restore(fields) {
  const kept = remembered(NAME, /** @type {{[name: string]: unknown}} */ ({}));
  return fields.map(field => (canHold(field, kept[field.name]) ? kept[field.name] : field.value));
}

/** Nothing is kept any more. @param {FormField[]} fields */
export function forget(fields) {
  remember(NAME, {});
  return fields.map(field => field.value);
}

/** @param {FormField} field @param {unknown} value of an older page, maybe */
function canHold({kind, choices}, value) {
  return choices ? choices.includes(/** @type {string} */ (value)) : typeof value === kind;
}
