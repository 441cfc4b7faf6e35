/* Shows one face to those who read it and another to those who run it. */
#include "table.h"

#include <abi/keelson_note.h>

KEELSON_PLUGIN_NOTE("somebody-else", "9.9.9");
static keelson_status start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  (void)table, (void)host, (void)self;
  put_text(out, "{}");
  return 0;
}
static const keelson_plugin_v1 table = BROKEN_TABLE("other-note", 0, start);
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
