/* Says no when it is started. */
#include "table.h"

static keelson_status start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  (void)table, (void)host, (void)self;
  put_text(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"no licence for this machine\",\"reason\":\"Forbidden\",\"code\":403}");
  return 403;
}
static const keelson_plugin_v1 table = BROKEN_TABLE("refuses", 0, start);
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
