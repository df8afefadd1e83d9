#include "values.h"

void read_arguments(napi_env env, napi_callback_info info, napi_value *out, size_t count) {
    size_t given = count;
    napi_get_cb_info(env, info, &given, out, NULL, NULL);
}

int64_t integer_of(napi_env env, napi_value value) {
    int64_t integer = 0;
    napi_get_value_int64(env, value, &integer);
    return integer;
}

struct memory memory_of(napi_env env, napi_value value) {
    static const uint8_t sizes[] = {
        [napi_int8_array] = 1,   [napi_uint8_array] = 1,    [napi_uint8_clamped_array] = 1,
        [napi_int16_array] = 2,  [napi_uint16_array] = 2,   [napi_int32_array] = 4,
        [napi_uint32_array] = 4, [napi_float32_array] = 4,  [napi_float64_array] = 8,
        [napi_bigint64_array] = 8, [napi_biguint64_array] = 8,
    };
    napi_typedarray_type type;
    size_t length;
    void *data;
    struct memory none = {NULL, 0};
    napi_status status = napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL);
    if (status != napi_ok) return none;
    if ((size_t)type >= sizeof sizes) return none;
    return (struct memory){data, length * sizes[type]};
}

void *room_of(napi_env env, napi_value value, size_t size) {
    struct memory memory = memory_of(env, value);
    return memory.size >= size ? memory.data : NULL;
}

udsock_error *error_of(napi_env env, napi_value value) {
    return room_of(env, value, sizeof(udsock_error));
}

char *text_of(napi_env env, napi_value value, char *buffer) {
    size_t length;
    napi_status status = napi_get_value_string_utf8(env, value, buffer, TEXT_SIZE, &length);
    return status == napi_ok ? buffer : NULL;
}

napi_value number(napi_env env, int64_t value) {
    napi_value result = NULL;
    if (value >= INT32_MIN && value <= INT32_MAX) napi_create_int32(env, (int32_t)value, &result);
    else napi_create_double(env, (double)value, &result);
    return result;
}

napi_value string(napi_env env, const char *text) {
    napi_value result = NULL;
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
    return result;
}
