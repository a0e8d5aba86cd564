/* The synchronous calls: take the GIL, one vectorcall, give it back. The types are known, so nothing is dispatched. */
#include "floor.h"

/* Ends a call whose result is None: `undefined` costs nothing to make. */
static napi_value finish(napi_env env, PyObject *result) {
  if (result == NULL) {
    throw_python_exception(env);
  } else {
    Py_DECREF(result);
  }
  js_thread_state = PyEval_SaveThread();
  return NULL;
}

/* Ends a call whose result is an int; the JS value is made after the GIL went back, so that other threads get it sooner. */
static napi_value finish_int(napi_env env, PyObject *result) {
  if (result == NULL) {
    return finish(env, result);
  }
  int overflow;
  long number = PyLong_AsLongAndOverflow(result, &overflow);
  Py_DECREF(result);
  js_thread_state = PyEval_SaveThread();
  napi_value value;
  CHECK(napi_create_int64(env, number, &value));
  return value;
}

napi_value call_noop(napi_env env, napi_callback_info info) {
  (void)info;
  PyEval_RestoreThread(js_thread_state);
  return finish(env, PyObject_Vectorcall(noop_function, NULL, 0, NULL));
}

napi_value call_add(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value values[2];
  int64_t a, b;
  CHECK(napi_get_cb_info(env, info, &count, values, NULL, NULL));
  CHECK(napi_get_value_int64(env, values[0], &a));
  CHECK(napi_get_value_int64(env, values[1], &b));
  PyEval_RestoreThread(js_thread_state);
  /* The free slot before the arguments lets Python prepend `self` without a copy. */
  PyObject *arguments[3] = {NULL, PyLong_FromLong(a), PyLong_FromLong(b)};
  PyObject *result = PyObject_Vectorcall(add_function, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
  Py_DECREF(arguments[1]);
  Py_DECREF(arguments[2]);
  return finish_int(env, result);
}

napi_value call_method(napi_env env, napi_callback_info info) {
  (void)info;
  PyEval_RestoreThread(js_thread_state);
  return finish(env, PyObject_VectorcallMethod(method_name, &target_object, 1, NULL));
}

napi_value get_value(napi_env env, napi_callback_info info) {
  (void)info;
  PyEval_RestoreThread(js_thread_state);
  return finish_int(env, PyObject_GetAttr(target_object, value_name));
}
