// Descriptors in Node's loop.

#ifndef UDSOCK_NODE_WATCH_H
#define UDSOCK_NODE_WATCH_H

#include <node_api.h>

void define_watches(napi_env env, napi_value exports);

#endif
