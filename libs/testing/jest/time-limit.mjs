/** The time that one test may take depends on its kind: a unit test that needs seconds is not one. */
import { jest } from '@jest/globals';

jest.setTimeout(globalThis.testLimitMs);
