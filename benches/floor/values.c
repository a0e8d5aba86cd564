/* Structured values by Node-API alone: a tree walk that makes each Python object from each JS value and back, and the text
   form that a program would send through JSON. Only plain data without cycles; recursion is the walk's stack. */
#include "floor.h"

static PyObject *to_python(napi_env env, napi_value value);
static napi_value to_js(napi_env env, PyObject *object);

static PyObject *string_to_python(napi_env env, napi_value value) {
  char small[256];
  size_t length;
  CHECK(napi_get_value_string_utf8(env, value, small, sizeof small, &length));
  if (length < sizeof small - 4) {
    return PyUnicode_FromStringAndSize(small, (Py_ssize_t)length);
  }
  CHECK(napi_get_value_string_utf8(env, value, NULL, 0, &length));
  char *large = malloc(length + 1);
  CHECK(napi_get_value_string_utf8(env, value, large, length + 1, &length));
  PyObject *text = PyUnicode_FromStringAndSize(large, (Py_ssize_t)length);
  free(large);
  return text;
}

static PyObject *array_to_python(napi_env env, napi_value array) {
  uint32_t count;
  CHECK(napi_get_array_length(env, array, &count));
  PyObject *list = PyList_New(count);
  for (uint32_t index = 0; index < count; index++) {
    napi_handle_scope scope;
    napi_value item;
    CHECK(napi_open_handle_scope(env, &scope));
    CHECK(napi_get_element(env, array, index, &item));
    PyList_SET_ITEM(list, index, to_python(env, item));
    CHECK(napi_close_handle_scope(env, scope));
  }
  return list;
}

static PyObject *object_to_python(napi_env env, napi_value object) {
  napi_value names;
  uint32_t count;
  CHECK(napi_get_all_property_names(env, object, napi_key_own_only, napi_key_enumerable | napi_key_skip_symbols,
                                    napi_key_numbers_to_strings, &names));
  CHECK(napi_get_array_length(env, names, &count));
  PyObject *dict = PyDict_New();
  for (uint32_t index = 0; index < count; index++) {
    napi_handle_scope scope;
    napi_value name, item;
    CHECK(napi_open_handle_scope(env, &scope));
    CHECK(napi_get_element(env, names, index, &name));
    CHECK(napi_get_property(env, object, name, &item));
    PyObject *key = string_to_python(env, name), *value = to_python(env, item);
    PyDict_SetItem(dict, key, value);
    Py_DECREF(key);
    Py_DECREF(value);
    CHECK(napi_close_handle_scope(env, scope));
  }
  return dict;
}

static PyObject *number_to_python(napi_env env, napi_value value) {
  double number;
  CHECK(napi_get_value_double(env, value, &number));
  if (number >= -9007199254740991.0 && number <= 9007199254740991.0 && number == (double)(int64_t)number) {
    return PyLong_FromLongLong((int64_t)number);
  }
  return PyFloat_FromDouble(number);
}

static PyObject *to_python(napi_env env, napi_value value) {
  napi_valuetype type;
  CHECK(napi_typeof(env, value, &type));
  switch (type) {
    case napi_number:
      return number_to_python(env, value);
    case napi_string:
      return string_to_python(env, value);
    case napi_boolean: {
      bool boolean;
      CHECK(napi_get_value_bool(env, value, &boolean));
      return PyBool_FromLong(boolean);
    }
    case napi_object: {
      bool is_array;
      CHECK(napi_is_array(env, value, &is_array));
      return is_array ? array_to_python(env, value) : object_to_python(env, value);
    }
    default:
      return Py_NewRef(Py_None);
  }
}

static napi_value string_to_js(napi_env env, PyObject *text) {
  Py_ssize_t length;
  const char *bytes = PyUnicode_AsUTF8AndSize(text, &length);
  napi_value value;
  CHECK(napi_create_string_utf8(env, bytes, (size_t)length, &value));
  return value;
}

static napi_value list_to_js(napi_env env, PyObject *list) {
  napi_value array;
  Py_ssize_t count = PyList_GET_SIZE(list);
  CHECK(napi_create_array_with_length(env, (size_t)count, &array));
  for (Py_ssize_t index = 0; index < count; index++) {
    napi_handle_scope scope;
    CHECK(napi_open_handle_scope(env, &scope));
    CHECK(napi_set_element(env, array, (uint32_t)index, to_js(env, PyList_GET_ITEM(list, index))));
    CHECK(napi_close_handle_scope(env, scope));
  }
  return array;
}

static napi_value dict_to_js(napi_env env, PyObject *dict) {
  napi_value object;
  CHECK(napi_create_object(env, &object));
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (PyDict_Next(dict, &position, &key, &value)) {
    napi_handle_scope scope;
    CHECK(napi_open_handle_scope(env, &scope));
    CHECK(napi_set_property(env, object, string_to_js(env, key), to_js(env, value)));
    CHECK(napi_close_handle_scope(env, scope));
  }
  return object;
}

static napi_value to_js(napi_env env, PyObject *object) {
  napi_value value;
  if (PyLong_CheckExact(object)) {
    CHECK(napi_create_int64(env, PyLong_AsLongLong(object), &value));
  } else if (PyFloat_CheckExact(object)) {
    CHECK(napi_create_double(env, PyFloat_AS_DOUBLE(object), &value));
  } else if (PyUnicode_CheckExact(object)) {
    return string_to_js(env, object);
  } else if (PyBool_Check(object)) {
    CHECK(napi_get_boolean(env, object == Py_True, &value));
  } else if (PyList_CheckExact(object)) {
    return list_to_js(env, object);
  } else if (PyDict_CheckExact(object)) {
    return dict_to_js(env, object);
  } else {
    CHECK(napi_get_null(env, &value));
  }
  return value;
}

static napi_value argument_of(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
  return argument;
}

/* Calls a function of the loaded module with one argument, whose reference it takes, or with none. */
static PyObject *call_by_name(const char *name, PyObject *argument) {
  PyObject *function = PyObject_GetAttrString(loaded_module, name);
  PyObject *arguments[2] = {NULL, argument};
  PyObject *result = PyObject_Vectorcall(function, arguments + 1,
                                         (argument != NULL) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
  Py_XDECREF(argument);
  Py_DECREF(function);
  if (result == NULL) {
    PyErr_Print();
    Py_FatalError("the floor called a function that raised");
  }
  return result;
}

napi_value echo_value(napi_env env, napi_callback_info info) {
  napi_value argument = argument_of(env, info);
  PyEval_RestoreThread(js_thread_state);
  PyObject *result = call_by_name("identity", to_python(env, argument));
  napi_value value = to_js(env, result);
  Py_DECREF(result);
  js_thread_state = PyEval_SaveThread();
  return value;
}

napi_value consume_value(napi_env env, napi_callback_info info) {
  napi_value argument = argument_of(env, info);
  PyEval_RestoreThread(js_thread_state);
  Py_DECREF(call_by_name("consume", to_python(env, argument)));
  js_thread_state = PyEval_SaveThread();
  return NULL;
}

napi_value consume_json(napi_env env, napi_callback_info info) {
  napi_value argument = argument_of(env, info);
  size_t length;
  CHECK(napi_get_value_string_utf8(env, argument, NULL, 0, &length));
  PyEval_RestoreThread(js_thread_state);
  /* The text is written into the bytes object itself: one copy less than any peer makes. */
  PyObject *text = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
  CHECK(napi_get_value_string_utf8(env, argument, PyBytes_AS_STRING(text), length + 1, &length));
  Py_DECREF(call_by_name("consume_json", text));
  js_thread_state = PyEval_SaveThread();
  return NULL;
}

napi_value produce_json(napi_env env, napi_callback_info info) {
  napi_value argument = argument_of(env, info), value;
  PyEval_RestoreThread(js_thread_state);
  PyObject *result = call_by_name("produce_json", string_to_python(env, argument));
  CHECK(napi_create_string_utf8(env, PyBytes_AS_STRING(result), (size_t)PyBytes_GET_SIZE(result), &value));
  Py_DECREF(result);
  js_thread_state = PyEval_SaveThread();
  return value;
}

napi_value produce_value(napi_env env, napi_callback_info info) {
  napi_value argument = argument_of(env, info);
  PyEval_RestoreThread(js_thread_state);
  PyObject *result = call_by_name("produce", string_to_python(env, argument));
  napi_value value = to_js(env, result);
  Py_DECREF(result);
  js_thread_state = PyEval_SaveThread();
  return value;
}
