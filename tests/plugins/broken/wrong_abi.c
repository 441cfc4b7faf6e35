/* Made for an interface that does not exist yet. */
const void* keelson_plugin_entry_v2(void);
const void* keelson_plugin_entry_v2(void) { return 0; }
