/* A table that ends before the functions that every plugin has. */
#include <abi/keelson_plugin.h>

static const keelson_plugin_v1 table = {.size = 32, .name = "short-table", .version = "0.0.1"};
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
