/* A Python exception as a JS Error with type and text; no traceback, no cause, no object.

   There are two ways, and which one is faster is the engine's affair: the error is made here (`call_fail`), or its type and
   text go to JavaScript as one string and the error is made there (`call_fail_text`). */
#include "floor.h"

#include <stdio.h>

/* The pending exception, taken; it owns its type. */
static PyObject *take_exception(void) {
#if PY_VERSION_HEX >= 0x030c0000
  return PyErr_GetRaisedException();
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
#endif
}

/* The message, valid as long as `text`, which the caller owns. */
static const char *message_of(PyObject *exception, PyObject **text) {
  *text = PyObject_Str(exception);
  const char *message = *text != NULL ? PyUnicode_AsUTF8(*text) : NULL;
  if (message == NULL) {
    PyErr_Clear();
    return "";
  }
  return message;
}

void throw_python_exception(napi_env env) {
  PyObject *exception = take_exception(), *text;
  const char *message = message_of(exception, &text);
  CHECK(napi_throw_error(env, Py_TYPE(exception)->tp_name, message));
  Py_XDECREF(text);
  Py_DECREF(exception);
}

napi_value call_fail(napi_env env, napi_callback_info info) {
  (void)info;
  PyEval_RestoreThread(js_thread_state);
  PyObject *result = PyObject_Vectorcall(fail_function, NULL, 0, NULL);
  if (result == NULL) {
    throw_python_exception(env);
  } else {
    Py_DECREF(result);
  }
  js_thread_state = PyEval_SaveThread();
  return NULL;
}

/* Returns `type\nmessage`; undefined means that nothing was raised. */
napi_value call_fail_text(napi_env env, napi_callback_info info) {
  (void)info;
  char report[512];
  int length = -1;
  PyEval_RestoreThread(js_thread_state);
  PyObject *result = PyObject_Vectorcall(fail_function, NULL, 0, NULL);
  if (result == NULL) {
    PyObject *exception = take_exception(), *text;
    const char *message = message_of(exception, &text);
    length = snprintf(report, sizeof report, "%s\n%s", Py_TYPE(exception)->tp_name, message);
    Py_XDECREF(text);
    Py_DECREF(exception);
  } else {
    Py_DECREF(result);
  }
  js_thread_state = PyEval_SaveThread();
  if (length < 0) {
    return NULL;
  }
  napi_value value;
  size_t kept = (size_t)length < sizeof report ? (size_t)length : sizeof report - 1;
  CHECK(napi_create_string_utf8(env, report, kept, &value));
  return value;
}
