// The library's calls as functions of JavaScript.

#ifndef UDSOCK_NODE_CALLS_H
#define UDSOCK_NODE_CALLS_H

#include <node_api.h>

/** A function that is exported to JavaScript. */
struct function {
    const char *name;
    napi_callback call;
};

void define_functions(napi_env env, napi_value exports, const struct function *functions,
                      size_t count);

void define_calls(napi_env env, napi_value exports);

#endif
