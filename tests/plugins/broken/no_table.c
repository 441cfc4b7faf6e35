/* Has the entry, and nothing behind it. */
#include <abi/keelson_plugin.h>

const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return NULL; }
