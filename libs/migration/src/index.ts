export { DATA_VERSIONS, type DataVersions, lift } from './data-versions.js';
export { Quarantined, QUARANTINES, REPAIRS } from './reasons.js';
export { type Identity, readDocument } from './read-document.js';
export { toRows } from './rows/to-rows.js';
export { toDocument } from './rows/to-document.js';
