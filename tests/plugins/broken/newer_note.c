/* Its note already says that it needs more than this core has; its table would not. */
#include "table.h"

#undef KEELSON_ABI_MINOR
#define KEELSON_ABI_MINOR 5u
#include <abi/keelson_note.h>

KEELSON_PLUGIN_NOTE("newer-note", "0.0.1");
static keelson_status start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  (void)table, (void)host, (void)self;
  put_text(out, "{}");
  return 0;
}
static const keelson_plugin_v1 table = BROKEN_TABLE("newer-note", 0, start);
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
