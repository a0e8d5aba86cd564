/* Handles given to web frameworks: they fail with our message, and never hang, crash or loop. */
import 'reflect-metadata'
import { join } from 'node:path'
import { Controller, Get, Inject, Module, type INestApplication } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import fastify from 'fastify'
import { python, type Handle } from 'symphony-python-bridge'

let handles: Handle
let point: Handle

beforeAll(async () => {
  await python.start({ paths: [join(__dirname, 'fixtures')] })
  handles = await python.import('handles')
  point = await handles.Point<Handle>()
})

describe('fastify', () => {
  test.each([
    ['an asynchronous handle', () => point as unknown],
    ['a synchronous handle', () => point.$sync as unknown],
    ['a handle in an object', () => ({ point }) as unknown],
    ['a module', () => handles as unknown],
  ])('answers 500 for a route that returns %s', async (_name, result) => {
    const server = fastify()
    server.get('/', () => Promise.resolve(result()))
    server.get('/sync', (_request, reply) => {
      void reply.send(result())
    })
    for (const url of ['/', '/sync']) {
      const response = await server.inject(url)
      expect(response.statusCode).toBe(500)
      expect(response.json()).toMatchObject({
        code: 'ERR_HANDLE_AS_DATA',
        message: expect.stringContaining('$value()'),
      })
    }
    await server.close()
  })

  test('sends the result of a path or call that a route returns', async () => {
    const server = fastify()
    server.get('/path', () => handles.point.x.$str())
    server.get('/call', () => handles.identity({ x: 1 }))
    server.get('/error', () => handles.fail('no'))
    expect((await server.inject('/path')).body).toBe('1')
    expect((await server.inject('/call')).json()).toEqual({ x: 1 })
    expect((await server.inject('/error')).json()).toMatchObject({ statusCode: 500, message: 'ValueError: no' })
    await server.close()
  })

  test('can be decorated with a handle', async () => {
    const server = fastify()
    server.decorate('point', point)
    server.get('/', () => (server as unknown as { point: Handle }).point.total())
    expect((await server.inject('/')).body).toBe('3')
    await server.close()
  })
})

describe('nest', () => {
  @Controller()
  class PointController {
    constructor(@Inject('POINT') readonly point: Handle) {}

    @Get('handle')
    handle(): unknown {
      return this.point
    }

    @Get('total')
    total(): unknown {
      return this.point.total()
    }

    @Get('inside')
    inside(): unknown {
      return { point: this.point.$sync }
    }
  }

  let application: INestApplication
  let url: string

  beforeAll(async () => {
    @Module({
      controllers: [PointController],
      providers: [
        { provide: 'POINT', useValue: point },
        { provide: 'SYNC', useFactory: () => point.$sync },
        { provide: 'MODULE', useFactory: () => Promise.resolve(handles) },
      ],
    })
    class PointModule {}
    application = await NestFactory.create(PointModule, { logger: false })
    await application.listen(0, '127.0.0.1')
    url = await application.getUrl()
  })

  afterAll(() => application.close())

  test('takes handles as providers', async () => {
    expect(application.get<Handle>('POINT')).toBe(point)
    expect(application.get('SYNC')).toBe(point.$sync)
    expect(application.get('MODULE')).toBe(handles)
    expect(await (await fetch(`${url}/total`)).text()).toBe('3')
  })

  test('answers 500 for a controller that returns an object with a handle', async () => {
    expect((await fetch(`${url}/inside`)).status).toBe(500)
  })

  test('sends the label of a handle, since Nest makes a string of every function', async () => {
    expect(await (await fetch(`${url}/handle`)).text()).toBe('[Python handles.Point]')
  })
})
