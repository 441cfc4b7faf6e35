// Made without the SDK: lets an exception cross the C border.
extern "C" {
#include "table.h"
}
#include <stdexcept>

static keelson_status start(const keelson_host_v1*, void*, keelson_sink, void**) { throw std::runtime_error("straight through"); }
static const keelson_plugin_v1 table = BROKEN_TABLE("throws-through", 0, start);
extern "C" const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
