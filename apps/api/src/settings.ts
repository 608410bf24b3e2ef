/** What controllers need to know of the configuration. */
export interface ApiSettings {
  idempotencyTtlHours: number;
}

export const API_SETTINGS = Symbol('API_SETTINGS');
export const ARTIFACT_STORE = Symbol('ARTIFACT_STORE');
