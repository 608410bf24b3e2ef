import { pointTo, type PlanFaults } from './plan-faults.js';
import { isObject, type Json } from './plain-json.js';

/**
 * Keys by which a Vega-Lite spec, or a page that shows one, can reach out of the chart: data, images and
 * links (`url`, `href`, `src`), another server for relative ones (`baseURL`), and `usermeta`, whose embed options
 * may name scripts of patches and loaders.
 */
const REACHING_KEYS = new Set(['url', 'href', 'src', 'baseurl', 'usermeta']);

/** Colours and styles stand in the picture as they are written, and these would load or run there. */
const REACHING_TEXT = /url\s*\(|javascript:/i;

/** Notes every place of a chart's spec that could load something: a chart sees its step's table and no more. */
export function refuseRemoteData(spec: Json, at: string, faults: PlanFaults): void {
  if (typeof spec === 'string') {
    if (REACHING_TEXT.test(spec)) faults.add(at, 'is refused: a chart must not load anything');
  } else if (Array.isArray(spec)) {
    spec.forEach((item, index) => {
      refuseRemoteData(item, pointTo(at, index), faults);
    });
  } else if (isObject(spec)) {
    for (const [key, member] of Object.entries(spec)) {
      const place = pointTo(at, key);
      if (REACHING_KEYS.has(key.toLowerCase()))
        faults.add(place, 'is refused: a chart must not load anything');
      else refuseRemoteData(member, place, faults);
    }
  }
}
