/* Starts the interpreter, or joins one that runs, and gives the JS thread its permanent thread state. */
#include "floor.h"

PyThreadState *js_thread_state;
PyObject *noop_function, *add_function, *fail_function, *target_object, *method_name, *value_name, *loaded_module;

static PyStatus initialize(const char *executable) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  /* The name of the interpreter is how Python finds its prefix, and a venv its site-packages. */
  PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, executable);
  if (!PyStatus_Exception(status)) {
    status = Py_InitializeFromConfig(&config);
  }
  PyConfig_Clear(&config);
  return status;
}

napi_value start(napi_env env, napi_callback_info info) {
  if (js_thread_state != NULL) {
    return NULL;
  }
  if (!Py_IsInitialized()) {
    size_t count = 1;
    napi_value argument;
    char executable[4096];
    CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    CHECK(napi_get_value_string_utf8(env, argument, executable, sizeof executable, NULL));
    PyStatus status = initialize(executable);
    if (PyStatus_Exception(status)) {
      CHECK(napi_throw_error(env, NULL, status.err_msg ? status.err_msg : "Python exited while starting"));
      return NULL;
    }
  } else {
    /* Where the bridge runs in this process, the JS thread may have a thread state already: Ensure finds it. The GIL is
       never given back with PyGILState_Release, since that would free the thread state. */
    PyGILState_Ensure();
  }
  js_thread_state = PyEval_SaveThread();
  return NULL;
}

static int fetch_members(const char *name) {
  PyObject *module = PyImport_ImportModule(name);
  if (module == NULL) {
    return 0;
  }
  noop_function = PyObject_GetAttrString(module, "noop");
  add_function = PyObject_GetAttrString(module, "add");
  fail_function = PyObject_GetAttrString(module, "fail");
  target_object = PyObject_GetAttrString(module, "target");
  method_name = PyUnicode_InternFromString("method");
  value_name = PyUnicode_InternFromString("value");
  loaded_module = module;
  return noop_function && add_function && fail_function && target_object && method_name && value_name;
}

napi_value load(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  char name[256];
  CHECK(napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
  CHECK(napi_get_value_string_utf8(env, argument, name, sizeof name, NULL));
  PyEval_RestoreThread(js_thread_state);
  if (!fetch_members(name)) {
    throw_python_exception(env);
  }
  js_thread_state = PyEval_SaveThread();
  return NULL;
}
