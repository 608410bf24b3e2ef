export { configure } from './configure.js';
export { type Configuration } from './configuration.js';
export { ConfigurationInvalid, type ConfigurationFault } from './configuration-invalid.js';
export { readConfiguration, type ConfigurationRead, type Environment } from './read-configuration.js';
export { readDotEnv } from './read-dot-env.js';
export { renderEnvExample, renderMarkdownTable } from './render.js';
export { programs, settings, type Program, type SettingName } from './settings.js';
