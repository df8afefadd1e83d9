// What a socket had read ahead when its descriptor was given away. It goes to the socket that takes
// the descriptor, in whichever thread of the process.

#ifndef UDSOCK_NODE_AHEAD_H
#define UDSOCK_NODE_AHEAD_H

#include <node_api.h>

void define_ahead(napi_env env, napi_value exports);

#endif
