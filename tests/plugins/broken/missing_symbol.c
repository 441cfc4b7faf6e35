/* Wants a function that no library has. */
#include <abi/keelson_plugin.h>

const keelson_plugin_v1* nobody_has_this(void);
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return nobody_has_this(); }
