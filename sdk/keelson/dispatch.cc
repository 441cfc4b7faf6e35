// The plugin's side of every entry point: finds what was declared, runs it, catches everything.
#include <keelson/state.hpp>

#include <array>

namespace keelson::detail {
namespace {

constexpr std::array kWhat = {"added", "modified", "deleted", "synced"};

keelson_status answer(const Result& result, keelson_sink error) {
  if (result.kind() == Result::Kind::done || result.kind() == Result::Kind::retry_at) return 0;
  put(error, status_json(result.error()));
  return result.error().code;
}

/// Adds the finalizer before the first reconcile; `object` becomes what is stored then.
Result hold(Context& ctx, const ControllerState& controller, ObjectHandle& object) {
  const auto patch = finalizers_patch(object, controller.finalizer, true);
  const auto written = ctx.write_raw("merge_patch", controller.kind.gvk(), object.key(), {}, patch);
  if (!written) return is_not_found(written.error()) ? done() : Result(written.error());
  object = ctx.find_raw(controller.kind.gvk(), object.key());
  return done();
}

Result release(Context& ctx, const ControllerState& controller, const ObjectHandle& object) {
  const auto result = controller.finalize(ctx, object);
  if (result.kind() != Result::Kind::done) return result;
  const auto live = ctx.find_raw(controller.kind.gvk(), object.key());   // finalize may have written it
  if (!live || live.uid() != object.uid() || !live.has_finalizer(controller.finalizer)) return done();
  const auto written = ctx.write_raw("merge_patch", controller.kind.gvk(), live.key(), {}, finalizers_patch(live, controller.finalizer, false));
  if (!written && !is_not_found(written.error())) return written.error();
  return done();
}

Result run_object(Context& ctx, const ControllerState& controller, Scope& scope) {
  if (!scope.object) return done();
  if (controller.finalizer.empty()) return controller.reconcile(ctx, scope.object);
  const bool held = scope.object.has_finalizer(controller.finalizer);
  if (scope.object.deleting()) return held ? release(ctx, controller, scope.object) : done();
  if (!held) {
    if (auto result = hold(ctx, controller, scope.object); result.kind() != Result::Kind::done || !scope.object) return result;
  }
  return controller.reconcile(ctx, scope.object);
}

class ForeignStream final : public Stream {
 public:
  explicit ForeignStream(const keelson_stream& stream) : stream_(stream) {}
  void respond(int code, std::string_view content_type) override { stream_.respond(stream_.to, code, bytes_of(content_type)); }
  bool write(std::string_view bytes) override { return stream_.write(stream_.to, bytes_of(bytes)) != 0; }
  void fail(const Error& error) override {
    const auto json = status_json(error);
    stream_.fail(stream_.to, error.code, bytes_of(json));
  }
  void forward(std::string_view host_port, std::string_view path_and_query) override {
    stream_.forward(stream_.to, bytes_of(host_port), bytes_of(path_and_query));
  }
  bool closed() const override { return stream_.closed(stream_.to) != 0; }

 private:
  const keelson_stream& stream_;
};

// Changes of one kind mostly come many at a time.
const KindInfo& seen_kind(PluginState& plugin, std::string_view json) {
  if (plugin.last_seen && plugin.last_seen->first == json) return plugin.last_seen->second;
  auto found = plugin.seen_kinds.find(std::string(json));
  if (found == plugin.seen_kinds.end()) found = plugin.seen_kinds.emplace(json, parse_kind(json)).first;
  plugin.last_seen = &*found;
  return found->second;
}

PluginState& state_of(void* self) { return *static_cast<PluginState*>(self); }

/// For entry points whose failure is only logged.
keelson_status logged(PluginState& plugin, keelson_call call, const Result& result) {
  if (result.kind() != Result::Kind::failed) return 0;
  plugin.table->log(plugin.host, call, KEELSON_LOG_ERROR, bytes_of(result.error().message));
  return result.error().code;
}

}  // namespace

keelson_status start_plugin(const char* name, const char* version, PluginBody body, const keelson_host_v1* table, void* host, keelson_sink out, void** self) {
  std::unique_ptr<PluginState> plugin;
  std::string declaration;
  PluginState unnamed;
  unnamed.name = name;
  const auto result = guarded(unnamed, "start", [&] {
    plugin = std::make_unique<PluginState>();
    plugin->table = table;
    plugin->host = host;
    plugin->name = name;
    plugin->version = version;
    Setup setup(*plugin);
    body(setup);
    declaration = plugin->declaration();
    return done();
  });
  if (result.kind() != Result::Kind::done) return answer(result, out);
  put(out, declaration);
  *self = plugin.release();
  return 0;
}

keelson_status reconcile(void* self, keelson_call call, std::uint32_t index, const keelson_key* key, keelson_object object, keelson_next* next, keelson_sink error) {
  auto& plugin = state_of(self);
  const auto result = guarded(plugin, "reconcile", [&]() -> Result {
    const auto& controller = *plugin.by_index.at(index);
    Scope scope{&controller, plugin.borrow(object)};
    Context ctx(plugin.call(call, &scope));
    try {
      if (controller.keyed) return finish(ctx.host_call(), controller.key_reconciler->reconcile(ctx, {std::string(text_of(key->ns)), std::string(text_of(key->name))}));
      return finish(ctx.host_call(), run_object(ctx, controller, scope));
    } catch (...) {
      settle(ctx.host_call());   // it came before what failed
      throw;
    }
  });
  next->kind = result.kind() == Result::Kind::retry_at ? KEELSON_NEXT_AGAIN : result.kind() == Result::Kind::terminal ? KEELSON_NEXT_TERMINAL : KEELSON_NEXT_DONE;
  next->delay_ns = result.delay().count();
  return answer(result, error);
}

keelson_status map(void* self, keelson_call call, std::uint32_t controller, std::uint32_t source, keelson_object object, keelson_sink keys) {
  auto& plugin = state_of(self);
  return logged(plugin, call, guarded(plugin, "map", [&] {
    const auto handle = plugin.borrow(object);
    for (auto& key : plugin.by_index.at(controller)->sources.at(source).map(handle)) {
      if (key.name.empty()) continue;
      if (key.ns.empty() && !plugin.by_index[controller]->keyed) key.ns = handle.ns();
      put(keys, key.ns + "/" + key.name);
    }
    return done();
  }));
}

std::int32_t predicate(void* self, std::uint32_t controller, std::uint32_t source, keelson_object old_state, keelson_object new_state) {
  auto& plugin = state_of(self);
  bool through = true;
  (void)logged(plugin, 0, guarded(plugin, "predicate", [&] {
    through = plugin.by_index.at(controller)->sources.at(source).predicate(plugin.borrow(old_state), plugin.borrow(new_state));
    return done();
  }));
  return through ? 1 : 0;
}

keelson_status observe(void* self, keelson_call call, std::uint32_t index, std::int32_t what, keelson_bytes kind_json, keelson_object now, keelson_object before) {
  auto& plugin = state_of(self);
  return logged(plugin, call, guarded(plugin, "observe", [&] {
    const auto& observer = plugin.observers.at(index);
    if (observer.all) observer.every(kWhat.at(static_cast<std::size_t>(what)), seen_kind(plugin, text_of(kind_json)), plugin.borrow(now), plugin.borrow(before));
    else observer.one(what, plugin.borrow(now), plugin.borrow(before));
    return done();
  }));
}

keelson_status task(void* self, keelson_call call, std::uint32_t index, keelson_sink error) {
  auto& plugin = state_of(self);
  return answer(guarded(plugin, "task", [&] {
    Context ctx(plugin.call(call));
    plugin.tasks.at(index).body(ctx);
    return done();
  }), error);
}

keelson_status serve(void* self, keelson_call call, std::uint32_t route, keelson_bytes request_json, const keelson_stream* stream) {
  auto& plugin = state_of(self);
  ForeignStream answering(*stream);
  const auto result = guarded(plugin, "serve", [&] {
    Context ctx(plugin.call(call));
    plugin.routes.at(route).handler(ctx, parse_request(text_of(request_json)), answering);
    return done();
  });
  if (result.kind() == Result::Kind::failed) answering.fail(result.error());
  return logged(plugin, call, result);
}

void completion(void* self, std::uint64_t token, keelson_status status, keelson_bytes status_json) {
  auto& plugin = state_of(self);
  std::function<void(const Error*)> completed;
  {
    const std::lock_guard lock(plugin.mutex);
    const auto found = plugin.pending.find(token);
    if (found == plugin.pending.end()) return;
    completed = std::move(found->second);
    plugin.pending.erase(found);
  }
  (void)logged(plugin, 0, guarded(plugin, "completion", [&] {
    if (status == 0) {
      completed(nullptr);
    } else {
      const auto error = error_from_status(status, text_of(status_json));
      completed(&error);
    }
    return done();
  }));
}

keelson_status check(void* self, keelson_sink out) {
  auto& plugin = state_of(self);
  std::string missing;
  const auto result = guarded(plugin, "check", [&] {
    if (plugin.check) missing = plugin.check();
    return done();
  });
  if (result.kind() == Result::Kind::failed) missing = result.error().message;
  if (!missing.empty()) put(out, missing);
  return 0;
}

keelson_status drain(void* self, std::int64_t) {
  auto& plugin = state_of(self);
  return logged(plugin, 0, guarded(plugin, "drain", [&] {
    if (plugin.stop) plugin.stop();
    const std::lock_guard lock(plugin.mutex);
    plugin.pending.clear();
    return done();
  }));
}

void destroy(void* self) {
  try {
    delete static_cast<PluginState*>(self);
  } catch (...) {   // a destructor of the author's; there is nobody left to tell
  }
}

keelson_status hook(void* self, keelson_call call, std::uint32_t index, const keelson_hook_request* request, keelson_hook_answer* table, keelson_sink error) {
  auto& plugin = state_of(self);
  return answer(guarded(plugin, "hook", [&] {
    Context ctx(plugin.call(call));
    HookReply reply(*table, error);
    return plugin.hooks.at(index).function(ctx, HookRequest(ctx.host_call(), *request), reply);
  }), error);
}

}  // namespace keelson::detail
