/* A table with holes. */
#include <abi/keelson_plugin.h>

static const keelson_plugin_v1 table = {.size = sizeof(keelson_plugin_v1), .name = "empty-entries", .version = "0.0.1"};
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
