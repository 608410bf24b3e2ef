import { label } from './sql-names.js';

/** A Vega-Lite spec without its data, which is the table of the step that the chart draws. */
export type ChartSpec = Record<string, unknown>;
type Channel = Record<string, unknown>;

const SIZE = { width: 480, height: 300 };

/** A field's name as Vega-Lite takes it: dots and brackets would be read as a path into the value. */
export function field(name: string): string {
  return name.replaceAll(/[\\.[\]'"]/g, (character) => `\\${character}`);
}

export function nominal(name: string, title: string): Channel {
  return { field: field(name), type: 'nominal', title: shown(title), sort: null };
}

export function quantitative(name: string, title: string): Channel {
  return { field: field(name), type: 'quantitative', title: shown(title) };
}

export function chart(title: string, mark: unknown, encoding: Record<string, Channel>): ChartSpec {
  return { title: shown(title), ...SIZE, mark, encoding };
}

/** Bars of means, with a line from one standard deviation below to one above where there is no second grouping. */
export function barsOfMeans(title: string, x: Channel, y: Channel, colour: Channel | null): ChartSpec {
  if (colour !== null)
    return chart(title, 'bar', { x, y, color: colour, xOffset: { ...colour, title: null } });
  return {
    title: shown(title),
    ...SIZE,
    transform: [
      { calculate: 'datum.mean - datum.sd', as: 'mean_less_sd' },
      { calculate: 'datum.mean + datum.sd', as: 'mean_plus_sd' },
      // A group of one row has no deviation; without this its line would start at zero.
      { calculate: 'isValid(datum.sd) ? 1 : 0', as: 'has_sd' },
    ],
    encoding: { x },
    layer: [
      { mark: 'bar', encoding: { y } },
      {
        transform: [{ filter: 'datum.has_sd === 1' }],
        mark: 'rule',
        encoding: { y: { field: 'mean_less_sd', type: 'quantitative' }, y2: { field: 'mean_plus_sd' } },
      },
    ],
  };
}

/** A title without what plans refuse in a chart, because elsewhere in it that would load something. */
function shown(title: string): string {
  return label(title).replaceAll(/url\s*\(|javascript:/gi, '…');
}
