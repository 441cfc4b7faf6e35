/* Has a task that does not care that it was cancelled. A file lets it go, so that a test can end. */
#include "table.h"

#include <stdlib.h>
#include <unistd.h>

static const keelson_host_v1* host_table;
static void* the_host;

static keelson_status start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  host_table = table;
  the_host = host;
  *self = &the_host;
  put_text(out, "{\"tasks\":[{\"name\":\"forever\"}]}");
  return 0;
}
static keelson_status task(void* self, keelson_call call, uint32_t index, keelson_sink error) {
  const char* release = getenv("KEELSON_TEST_RELEASE");
  (void)self, (void)call, (void)index, (void)error;
  while (release != NULL && access(release, F_OK) != 0) host_table->sleep(the_host, 0, 1000000);
  return 0;
}
static const keelson_plugin_v1 table = {sizeof(keelson_plugin_v1), 0, "never-drains", "0.0.1", start, no_reconcile, no_map, no_predicate,
                                        no_observe, task, no_serve, no_completion, no_check, no_drain, no_destroy};
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
