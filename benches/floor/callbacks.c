/* A JavaScript function as a Python callable of one int: called on the JS thread through Node-API, and from another thread through a
   thread-safe function for whose call the thread waits. The types are known, so nothing is dispatched. */
#include "floor.h"

#include <pthread.h>
#include <semaphore.h>

static napi_env js_env;
static napi_ref js_function;

/* Runs on the JS thread, without the GIL. */
static int64_t call_function(int64_t number) {
  napi_handle_scope scope;
  napi_value function, undefined, argument, result;
  CHECK(napi_open_handle_scope(js_env, &scope));
  CHECK(napi_get_reference_value(js_env, js_function, &function));
  CHECK(napi_get_undefined(js_env, &undefined));
  CHECK(napi_create_int64(js_env, number, &argument));
  CHECK(napi_call_function(js_env, undefined, function, 1, &argument, &result));
  CHECK(napi_get_value_int64(js_env, result, &number));
  CHECK(napi_close_handle_scope(js_env, scope));
  return number;
}

static PyObject *call_here(PyObject *self, PyObject *argument) {
  (void)self;
  int64_t number = PyLong_AsLong(argument);
  js_thread_state = PyEval_SaveThread();
  number = call_function(number);
  PyEval_RestoreThread(js_thread_state);
  return PyLong_FromLong(number);
}

static PyMethodDef here = {"call_here", call_here, METH_O, NULL};

static void take_function(napi_env env, napi_callback_info info, int64_t *turns) {
  size_t count = 2;
  napi_value values[2];
  CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
  CHECK(napi_get_value_int64(env, values[1], turns));
  if (js_function != NULL) {
    CHECK(napi_delete_reference(env, js_function));
  }
  js_env = env;
  CHECK(napi_create_reference(env, values[0], 1, &js_function));
}

/* repeat(callable, turns) of the loaded module: the last result, or -1. */
static long repeat(PyMethodDef *definition, int64_t turns) {
  PyObject *callable = PyCFunction_New(definition, NULL);
  PyObject *result = PyObject_CallMethod(loaded_module, "repeat", "OL", callable, (long long)turns);
  Py_DECREF(callable);
  if (result == NULL) {
    PyErr_Print();
    return -1;
  }
  long number = PyLong_AsLong(result);
  Py_DECREF(result);
  return number;
}

napi_value repeat_here(napi_env env, napi_callback_info info) {
  int64_t turns;
  take_function(env, info, &turns);
  PyEval_RestoreThread(js_thread_state);
  long number = repeat(&here, turns);
  js_thread_state = PyEval_SaveThread();
  napi_value value;
  CHECK(napi_create_int64(env, number, &value));
  return value;
}

static napi_threadsafe_function bridge;
static napi_deferred finished;
static pthread_t thread;
static sem_t answered;
static int64_t asked, turns_of_thread;
static int is_done;

static void on_js_thread(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)context;
  (void)data;
  if (is_done) {
    napi_value value;
    CHECK(napi_create_int64(env, asked, &value));
    CHECK(napi_resolve_deferred(env, finished, value));
    CHECK(napi_release_threadsafe_function(bridge, napi_tsfn_release));
    pthread_join(thread, NULL);
    return;
  }
  asked = call_function(asked);
  sem_post(&answered);
}

static PyObject *call_there(PyObject *self, PyObject *argument) {
  (void)self;
  asked = PyLong_AsLong(argument);
  PyThreadState *state = PyEval_SaveThread();
  CHECK(napi_call_threadsafe_function(bridge, NULL, napi_tsfn_nonblocking));
  while (sem_wait(&answered) != 0) {
  }
  PyEval_RestoreThread(state);
  return PyLong_FromLong(asked);
}

static PyMethodDef there = {"call_there", call_there, METH_O, NULL};

static void *run_thread(void *nothing) {
  (void)nothing;
  PyGILState_STATE state = PyGILState_Ensure();
  asked = repeat(&there, turns_of_thread);
  PyGILState_Release(state);
  is_done = 1;
  CHECK(napi_call_threadsafe_function(bridge, NULL, napi_tsfn_nonblocking));
  return NULL;
}

napi_value repeat_there(napi_env env, napi_callback_info info) {
  take_function(env, info, &turns_of_thread);
  napi_value name, promise;
  is_done = 0;
  sem_init(&answered, 0, 0);
  CHECK(napi_create_string_utf8(env, "floor", NAPI_AUTO_LENGTH, &name));
  CHECK(napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, on_js_thread, &bridge));
  CHECK(napi_create_promise(env, &finished, &promise));
  pthread_create(&thread, NULL, run_thread, NULL);
  return promise;
}
