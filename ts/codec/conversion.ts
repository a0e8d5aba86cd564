/* Which JavaScript types values get where there is a choice. */
import type { ConvertOptions } from '../types/options'

/** All choices made. */
export type Conversion = Required<{ readonly [K in keyof ConvertOptions]: NonNullable<ConvertOptions[K]> }>

/** What nobody asked to be otherwise. Compared by identity: only this one needs no look at its parts. */
export const asTheyAre: Conversion = Object.freeze({ int: 'auto', number: 'auto', dict: 'auto', datetime: 'auto' })
