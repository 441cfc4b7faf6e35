/* A table of functions that do nothing, for broken plugins to break. */
#ifndef KEELSON_BROKEN_TABLE_H
#define KEELSON_BROKEN_TABLE_H
#include <abi/keelson_plugin.h>
#include <string.h>

__attribute__((unused)) static void put_text(keelson_sink sink, const char* text) {
  keelson_bytes bytes = {text, strlen(text)};
  sink.put(sink.to, bytes);
}
static keelson_status no_reconcile(void* self, keelson_call call, uint32_t controller, const keelson_key* key, keelson_object object, keelson_next* next, keelson_sink error) {
  (void)self, (void)call, (void)controller, (void)key, (void)object, (void)next, (void)error;
  return 0;
}
static keelson_status no_map(void* self, keelson_call call, uint32_t controller, uint32_t source, keelson_object object, keelson_sink keys) {
  (void)self, (void)call, (void)controller, (void)source, (void)object, (void)keys;
  return 0;
}
static int32_t no_predicate(void* self, uint32_t controller, uint32_t source, keelson_object old_state, keelson_object new_state) {
  (void)self, (void)controller, (void)source, (void)old_state, (void)new_state;
  return 1;
}
static keelson_status no_observe(void* self, keelson_call call, uint32_t observer, int32_t what, keelson_bytes kind, keelson_object now, keelson_object before) {
  (void)self, (void)call, (void)observer, (void)what, (void)kind, (void)now, (void)before;
  return 0;
}
__attribute__((unused)) static keelson_status no_task(void* self, keelson_call call, uint32_t task, keelson_sink error) {
  (void)self, (void)call, (void)task, (void)error;
  return 0;
}
static keelson_status no_serve(void* self, keelson_call call, uint32_t route, keelson_bytes request, const keelson_stream* stream) {
  (void)self, (void)call, (void)route, (void)request, (void)stream;
  return 0;
}
static void no_completion(void* self, uint64_t token, keelson_status status, keelson_bytes text) { (void)self, (void)token, (void)status, (void)text; }
static keelson_status no_check(void* self, keelson_sink out) {
  (void)self, (void)out;
  return 0;
}
static keelson_status no_drain(void* self, int64_t deadline_ns) {
  (void)self, (void)deadline_ns;
  return 0;
}
static void no_destroy(void* self) { (void)self; }

#define BROKEN_TABLE(name, minor, start) \
  {sizeof(keelson_plugin_v1), minor, name, "0.0.1", start, no_reconcile, no_map, no_predicate, no_observe, no_task, no_serve, no_completion, no_check, no_drain, no_destroy}
#endif
