/* Asynchronous `add`: one worker thread with its own queue, and one thread-safe function that delivers batches.

   There are two ways to settle a promise, and which one is faster is the engine's affair: JavaScript keeps the resolve
   functions and reads results from shared memory (`submit`), or each call has a native deferred (`submit_deferred`).
   Collecting the requests of a turn in JavaScript and handing them over once was tried too: it is slower with two CPUs,
   since the worker then starts late.

   `lock` guards `incoming` and `outgoing`. The worker drains `incoming` whole, takes the GIL once for all of it, and wakes
   the JS thread only when `outgoing` was empty; the JS thread wakes the worker only when `incoming` was empty. */
#include "floor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* `slot` is JavaScript's number for the resolve function; `a` holds the result once the job is done. */
typedef struct {
  double slot;
  double a;
  double b;
  napi_deferred deferred;
} Job;

typedef struct {
  Job *jobs;
  size_t length;
  size_t capacity;
} Jobs;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static pthread_t worker;
static Jobs incoming, outgoing;
static int closing;
static napi_threadsafe_function deliver;
static double *request, *results;

static Job *append(Jobs *jobs, size_t count) {
  if (jobs->length + count > jobs->capacity) {
    jobs->capacity = 2 * (jobs->length + count);
    jobs->jobs = realloc(jobs->jobs, jobs->capacity * sizeof(Job));
    if (jobs->jobs == NULL) {
      abort();
    }
  }
  Job *first = jobs->jobs + jobs->length;
  jobs->length += count;
  return first;
}

static void swap(Jobs *first, Jobs *second) {
  Jobs kept = *first;
  *first = *second;
  *second = kept;
}

static void run(Job *job) {
  PyObject *arguments[3] = {NULL, PyLong_FromLong((long)job->a), PyLong_FromLong((long)job->b)};
  PyObject *result = PyObject_Vectorcall(add_function, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
  Py_DECREF(arguments[1]);
  Py_DECREF(arguments[2]);
  if (result == NULL) {
    PyErr_WriteUnraisable(add_function);
    abort();
  }
  job->a = (double)PyLong_AsLong(result);
  Py_DECREF(result);
}

static void *work(void *unused) {
  (void)unused;
  Jobs batch = {0};
  PyGILState_Ensure();
  PyThreadState *state = PyEval_SaveThread();
  for (;;) {
    pthread_mutex_lock(&lock);
    while (incoming.length == 0 && !closing) {
      pthread_cond_wait(&arrived, &lock);
    }
    if (incoming.length == 0) {
      pthread_mutex_unlock(&lock);
      break;
    }
    swap(&batch, &incoming);
    pthread_mutex_unlock(&lock);

    PyEval_RestoreThread(state);
    for (size_t index = 0; index < batch.length; index++) {
      run(&batch.jobs[index]);
    }
    state = PyEval_SaveThread();

    pthread_mutex_lock(&lock);
    int wake = outgoing.length == 0;
    memcpy(append(&outgoing, batch.length), batch.jobs, batch.length * sizeof(Job));
    pthread_mutex_unlock(&lock);
    batch.length = 0;
    if (wake) {
      napi_call_threadsafe_function(deliver, NULL, napi_tsfn_nonblocking);
    }
  }
  free(batch.jobs);
  return NULL;
}

/* On the JS thread: settles everything that is done. */
static void deliver_batch(napi_env env, napi_value on_batch, void *context, void *data) {
  (void)context;
  (void)data;
  static Jobs batch;
  if (env == NULL) {
    return;
  }
  pthread_mutex_lock(&lock);
  swap(&batch, &outgoing);
  pthread_mutex_unlock(&lock);
  size_t shared = 0;
  for (size_t index = 0; index < batch.length; index++) {
    Job *job = &batch.jobs[index];
    if (job->deferred != NULL) {
      napi_value value;
      CHECK(napi_create_double(env, job->a, &value));
      CHECK(napi_resolve_deferred(env, job->deferred, value));
    } else {
      results[2 * shared] = job->slot;
      results[2 * shared + 1] = job->a;
      shared++;
    }
  }
  batch.length = 0;
  if (shared > 0) {
    napi_value undefined, count;
    CHECK(napi_get_undefined(env, &undefined));
    CHECK(napi_create_uint32(env, (uint32_t)shared, &count));
    napi_call_function(env, undefined, on_batch, 1, &count, NULL);
  }
}

/* `request` holds three numbers (slot, a, b), `results` two for each call in flight (slot, value); both live as long as the queue. */
napi_value open_queue(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value values[3], name;
  CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
  CHECK(napi_get_arraybuffer_info(env, values[0], (void **)&request, NULL));
  CHECK(napi_get_arraybuffer_info(env, values[1], (void **)&results, NULL));
  CHECK(napi_create_string_utf8(env, "floor", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_create_threadsafe_function(env, values[2], NULL, name, 0, 1, NULL, NULL, NULL, deliver_batch, &deliver));
  closing = 0;
  if (pthread_create(&worker, NULL, work, NULL) != 0) {
    CHECK(napi_throw_error(env, NULL, "the worker thread could not start"));
  }
  return NULL;
}

static void push(const Job *job) {
  pthread_mutex_lock(&lock);
  int wake = incoming.length == 0;
  *append(&incoming, 1) = *job;
  pthread_mutex_unlock(&lock);
  if (wake) {
    pthread_cond_signal(&arrived);
  }
}

napi_value submit(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  push(&(Job){.slot = request[0], .a = request[1], .b = request[2], .deferred = NULL});
  return NULL;
}

napi_value submit_deferred(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value values[2], promise;
  Job job = {0};
  CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
  CHECK(napi_get_value_double(env, values[0], &job.a));
  CHECK(napi_get_value_double(env, values[1], &job.b));
  CHECK(napi_create_promise(env, &job.deferred, &promise));
  push(&job);
  return promise;
}

/* Ends the worker after what is queued, so that the process may exit. */
napi_value close_queue(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  pthread_mutex_lock(&lock);
  closing = 1;
  pthread_mutex_unlock(&lock);
  pthread_cond_signal(&arrived);
  pthread_join(worker, NULL);
  napi_release_threadsafe_function(deliver, napi_tsfn_abort);
  return NULL;
}
