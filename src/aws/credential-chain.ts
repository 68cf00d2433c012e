/** Loaded on demand. A module of its own because a bundled CommonJS package has no named exports behind `import()`. */
export { fromIni, fromNodeProviderChain } from '@aws-sdk/credential-providers';
