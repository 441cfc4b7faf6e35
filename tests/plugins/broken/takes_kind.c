/* Declares a kind of its own and one that another plugin has. */
#include "table.h"

#define CRD(plural, kind, group)                                                                                          \
  "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"" plural "." group \
  "\"},\"spec\":{\"group\":\"" group "\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"" plural "\",\"kind\":\"" kind             \
  "\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}"

static keelson_status start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  (void)table, (void)host, (void)self;
  put_text(out, "{\"kinds\":[" CRD("extras", "Extra", "takes.keelson.dev") "," CRD("widgets", "Widget", "probe.keelson.dev") "]}");
  return 0;
}
static const keelson_plugin_v1 table = BROKEN_TABLE("takes-kind", 0, start);
const keelson_plugin_v1* keelson_plugin_entry_v1(void) { return &table; }
