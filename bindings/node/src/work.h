// Calls that may take their time, in a thread of Node's pool.

#ifndef UDSOCK_NODE_WORK_H
#define UDSOCK_NODE_WORK_H

#include <node_api.h>

void define_work(napi_env env, napi_value exports);

#endif
