// What the library does by itself, on its way to JavaScript.

#ifndef UDSOCK_NODE_LOG_H
#define UDSOCK_NODE_LOG_H

#include <node_api.h>

void define_log(napi_env env, napi_value exports);

#endif
