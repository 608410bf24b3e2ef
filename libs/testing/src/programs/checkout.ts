import { basename, dirname, join } from 'node:path';

const top = join(import.meta.dirname, '../../../..');

/** The folder of the checkout: tests run from the sources, benchmarks from the build within it. */
export const CHECKOUT = basename(top) === 'dist' ? dirname(top) : top;
