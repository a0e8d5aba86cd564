/* The exports of the floor addon. */
#include "floor.h"

static void export(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  CHECK(napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function));
  CHECK(napi_set_named_property(env, exports, name, function));
}

NAPI_MODULE_INIT() {
  export(env, exports, "start", start);
  export(env, exports, "load", load);
  export(env, exports, "noop", call_noop);
  export(env, exports, "add", call_add);
  export(env, exports, "method", call_method);
  export(env, exports, "value", get_value);
  export(env, exports, "fail", call_fail);
  export(env, exports, "failText", call_fail_text);
  export(env, exports, "echoValue", echo_value);
  export(env, exports, "consumeValue", consume_value);
  export(env, exports, "produceValue", produce_value);
  export(env, exports, "consumeJson", consume_json);
  export(env, exports, "produceJson", produce_json);
  export(env, exports, "openQueue", open_queue);
  export(env, exports, "submit", submit);
  export(env, exports, "submitDeferred", submit_deferred);
  export(env, exports, "closeQueue", close_queue);
  export(env, exports, "repeatHere", repeat_here);
  export(env, exports, "repeatThere", repeat_there);
  return exports;
}
