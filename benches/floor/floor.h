/* What the parts of the floor addon share: the macros that check a call, and the thread state of the JS thread. */
#ifndef SYMPHONY_FLOOR_H
#define SYMPHONY_FLOOR_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NAPI_VERSION 8
#include <node_api.h>

/* Node-API calls fail here only for a bug in the floor itself, which must end the measurement. */
#define CHECK(call) \
  do { \
    if ((call) != napi_ok) { \
      napi_fatal_error(__func__, NAPI_AUTO_LENGTH, #call, NAPI_AUTO_LENGTH); \
    } \
  } while (0)

/* The permanent thread state of the JS thread: valid between `start` and the end of the process, detached between calls. */
extern PyThreadState *js_thread_state;

/* start(executable): starts the interpreter, or joins the one that runs already. */
napi_value start(napi_env env, napi_callback_info info);
/* load(module): imports the module whose functions the calls below name. */
napi_value load(napi_env env, napi_callback_info info);

/* The members of the loaded module, fetched once by `load`. */
extern PyObject *noop_function, *add_function, *fail_function, *target_object, *method_name, *value_name;

extern PyObject *loaded_module;

napi_value call_noop(napi_env env, napi_callback_info info);
napi_value call_add(napi_env env, napi_callback_info info);
napi_value call_method(napi_env env, napi_callback_info info);
napi_value get_value(napi_env env, napi_callback_info info);
napi_value call_fail(napi_env env, napi_callback_info info);
napi_value call_fail_text(napi_env env, napi_callback_info info);

/* Takes the pending Python exception and throws it as a JS Error: `code` is the type, `message` the text. Needs the GIL. */
void throw_python_exception(napi_env env);

/* echo_value(x), consume_value(x), produce_value(name): structured values by a tree walk through Node-API. */
napi_value echo_value(napi_env env, napi_callback_info info);
napi_value consume_value(napi_env env, napi_callback_info info);
napi_value produce_value(napi_env env, napi_callback_info info);
/* consume_json(text), produce_json(name): the same values as JSON text, which `orjson` reads and writes. */
napi_value consume_json(napi_env env, napi_callback_info info);
napi_value produce_json(napi_env env, napi_callback_info info);

/* open_queue(request, results, onBatch), then submit() for each request: the one worker thread of the asynchronous calls. */
napi_value open_queue(napi_env env, napi_callback_info info);
napi_value submit(napi_env env, napi_callback_info info);
napi_value close_queue(napi_env env, napi_callback_info info);
/* submit_deferred(a, b): the same worker, but a native promise for each call. */
napi_value submit_deferred(napi_env env, napi_callback_info info);

/* repeat_here(f, turns), repeat_there(f, turns): Python's `repeat` with f as a callable, on the JS thread and on one of its own. */
napi_value repeat_here(napi_env env, napi_callback_info info);
napi_value repeat_there(napi_env env, napi_callback_info info);

#endif
