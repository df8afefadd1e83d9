// Converts JavaScript's values to C's, and back. A value of the wrong type counts as 0 or NULL: the
// JavaScript around this has checked what programs pass.

#ifndef UDSOCK_NODE_VALUES_H
#define UDSOCK_NODE_VALUES_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "library.h"

/** The arguments of a call; those that are missing are undefined. */
void read_arguments(napi_env env, napi_callback_info info, napi_value *out, size_t count);

int64_t integer_of(napi_env env, napi_value value);

/** The bytes of a typed array. They stay where they are during the call. */
struct memory {
    void *data;
    size_t size;
};

struct memory memory_of(napi_env env, napi_value value);

/** A typed array's bytes, if there are at least so many. */
void *room_of(napi_env env, napi_value value, size_t size);

udsock_error *error_of(napi_env env, napi_value value);

/** More than the longest address: one that is cut to this is still too long. */
#define TEXT_SIZE (UDSOCK_ADDRESS_SIZE + 4)

/** A string as UTF-8, in `buffer` of TEXT_SIZE bytes; NULL: the value is not a string. */
char *text_of(napi_env env, napi_value value, char *buffer);

/** A number as a result. Small ones take no memory. */
napi_value number(napi_env env, int64_t value);

napi_value string(napi_env env, const char *text);

#endif
