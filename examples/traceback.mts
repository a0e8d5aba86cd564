// An exception raised deep inside Python, seen from TypeScript: type, message, frames, the whole traceback, causes and notes.
import { isPythonError, kw, python, type Handle } from 'symphony-python-bridge'

const datasets = await python.import('sklearn.datasets')
const neighbors = await python.import('sklearn.neighbors')
const [rows, labels] = await datasets.load_digits<[Handle, Handle]>(kw({ return_X_y: true }))
const model = await neighbors.KNeighborsClassifier<Handle>(kw({ n_neighbors: 3 }))
await model.fit(rows, labels)

try {
  // A digit has 64 pixels; this row has three.
  await model.predict([[1, 2, 3]])
} catch (error) {
  if (!isPythonError(error, 'ValueError')) throw error
  console.log(`\n  type       ${error.qualifiedType}`)
  console.log(`  message    ${error.text}`)
  console.log('  frames     innermost last')
  for (const frame of error.frames) {
    console.log(`             ${frame.function}  (${frame.file.split('/').slice(-3).join('/')}:${frame.line})`)
  }
  console.log(`\n${indent(error.traceback)}`)
}

// Causes and notes cross as well, and `isPythonError` knows the base classes: a KeyError is a LookupError.
const shop = await python.exec(`
prices = {'apple': 3}

def price(item):
    try:
        return prices[item]
    except KeyError as error:
        problem = LookupError(f'no price for {item!r}')
        problem.add_note('known items: ' + ', '.join(prices)) if hasattr(problem, 'add_note') else None
        raise problem from error
`)
try {
  await shop.price('pear')
} catch (error) {
  if (!isPythonError(error, 'LookupError')) throw error
  console.log(`  ${error.message}`)
  for (const note of error.notes) console.log(`  note: ${note}`)
  if (isPythonError(error.cause, 'LookupError'))
    console.log(`  cause: ${error.cause.type} with args ${JSON.stringify(error.cause.args)}`)
  console.log(
    `  the JavaScript caller:\n${indent(
      error.stack
        ?.split('\n')
        .filter((line) => line.includes('examples/'))
        .join('\n') ?? '',
    )}`,
  )
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '    ')
}
