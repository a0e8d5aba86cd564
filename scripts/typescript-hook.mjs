// `node --import` this file to run TypeScript where it stands, on every Node version that the package supports.
import { register } from 'node:module'

register('./typescript-loader.mjs', import.meta.url)
