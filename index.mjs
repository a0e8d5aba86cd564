// The ECMAScript-module face: the same objects as the CommonJS build, so that a process has one copy of the state.
export {} from './dist/index.js'
